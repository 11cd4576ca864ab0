package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
)

func record(id string) client.Record {
	mid := int64(510000123)
	return client.Record{
		ID: id, Tenant: "emea", BusinessUnit: &mid, Kind: "server_to_server", ClientID: "4xq0example", Secret: "env:CRM", SecretGenerated: "2026-09-28",
		Criticality: "transactional", Owner: &client.RecordOwner{Team: "crm", Contact: "crm@example.com"}, Purpose: "orders",
		Holders:    []client.RecordHolder{{Name: "mulesoft-prod", Contact: "middleware@example.com"}, {Name: "shop"}},
		Dependents: []client.RecordDependent{{Kind: "journey", Key: "welcome", ContactsPerDay: 10000, ValuePerContact: 0.42, OnOutage: "lost", Reads: []string{"Orders"}}},
		Renewal:    &client.Renewal{Every: "150d", Planned: "2027-03-10", Window: "2d", By: "crm"}, ExpiryLadder: []string{"30d", "7d"},
		Tests: []string{"identity", "soap:GetSystemStatus"},
	}
}

// refused asserts the status and the hint of an error.
func refused(t *testing.T, what string, err error, status int, hint string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Hint, hint) {
		t.Errorf("%s: %v, want %d and a hint with %q", what, err, status, hint)
	}
}

func TestARecordFromItsMakingToItsEnd(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	made, err := c.CreateRecord(t.Context(), record("shop-orders"))
	if err != nil || made.Version != 1 || made.UpdatedBy != "operator-token" || made.CreatedAt == nil {
		t.Fatalf("%+v %v", made, err)
	}
	got, err := c.Record(t.Context(), "shop-orders")
	if diff := cmp.Diff(record("shop-orders"), got.Record); diff != "" || err != nil {
		t.Errorf("read back with a difference: %v\n%s", err, diff)
	}
	_, err = c.CreateRecord(t.Context(), record("shop-orders"))
	refused(t, "made twice", err, http.StatusConflict, "another id")

	changed := got.Record
	changed.Purpose = "orders and returns"
	second, err := c.UpdateRecord(t.Context(), changed, got.Version)
	if err != nil || second.Version != 2 || second.Purpose != changed.Purpose {
		t.Fatalf("%+v %v", second, err)
	}
	_, err = c.UpdateRecord(t.Context(), changed, got.Version)
	refused(t, "an old version", err, http.StatusConflict, "again")
	refused(t, "removal of an old version", c.DeleteRecord(t.Context(), "shop-orders", 1), http.StatusConflict, "again")
	if err := c.DeleteRecord(t.Context(), "shop-orders", 2); err != nil {
		t.Fatal(err)
	}
	_, err = c.Record(t.Context(), "shop-orders")
	refused(t, "a removed record", err, http.StatusNotFound, "")

	var kinds []string
	for change, err := range c.Changes(t.Context(), "shop-orders") {
		if err != nil {
			t.Fatal(err)
		}
		if change.By != "operator-token" || change.Via != "api" {
			t.Errorf("change by %q via %q", change.By, change.Via)
		}
		kinds = append(kinds, change.Kind)
	}
	if !slices.Equal(kinds, []string{"removed", "updated", "created"}) {
		t.Errorf("the history says %v", kinds)
	}
}

func TestAFilesRecordIsLockedAndTellsWhere(t *testing.T) {
	d := start(t)
	c := d.client(d.admin)
	r := record("cred-07")
	_, errCreate := c.CreateRecord(t.Context(), r)
	_, errUpdate := c.UpdateRecord(t.Context(), r, 1)
	_, errSeal := c.SetSecret(t.Context(), "cred-07", 1, client.NewSecret{Secret: "x"})
	for what, err := range map[string]error{
		"create": errCreate, "update": errUpdate, "seal": errSeal, "delete": c.DeleteRecord(t.Context(), "cred-07", 1),
	} {
		refused(t, what, err, http.StatusConflict, "change it there")
		if err != nil && !strings.Contains(err.Error(), "keepwatch.yaml:7") {
			t.Errorf("%s does not name the place: %v", what, err)
		}
	}
	if got, err := c.Record(t.Context(), "cred-07"); err != nil || got.DefinedIn != "keepwatch.yaml:7" || got.Version != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestASecretGoesInAndNeverOut(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	r := record("sealed-one")
	r.Secret = ""
	made, err := c.CreateRecord(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cr3t-that-nobody-may-see"
	var said strings.Builder
	after, err := c.SetSecret(t.Context(), "sealed-one", made.Version, client.NewSecret{Secret: secret, Generated: "2026-11-20"})
	if err != nil || after.Secret != "sealed:sealed-one" || after.SecretGenerated != "2026-11-20" || after.Version != 2 {
		t.Fatalf("%+v %v", after, err)
	}
	if !slices.Equal(d.services.sealed, []string{secret}) {
		t.Errorf("%d secrets were sealed", len(d.services.sealed))
	}
	bearer := "Bearer " + d.admin
	for _, path := range []string{"", "/record", "/changes", "/results"} {
		_, body := d.do("GET", "/api/v1/credentials/sealed-one"+path, "", "Authorization", bearer)
		said.WriteString(body)
	}
	for _, format := range []string{"csv", "yaml", "mcdev", "paste"} {
		_, body := d.do("GET", "/api/v1/export?format="+format, "", "Authorization", bearer)
		said.WriteString(body)
	}
	// An error about the body must not repeat it either.
	for _, body := range []string{`{"secret":"` + secret + `","generated":"` + secret + `"}`, `{"secret":"` + secret + `","x":1}`, `{"secret":["` + secret + `"]}`, `"` + secret} {
		_, answer := d.do("PUT", "/api/v1/credentials/sealed-one/secret", body, "Authorization", bearer, "Content-Type", "application/json", "If-Match", `"2"`)
		said.WriteString(answer)
	}
	_, answer := d.do("POST", "/api/v1/credentials", `{"id":"x","tenant":"emea","kind":"server_to_server","secret":"`+secret+`"}`, "Authorization", bearer, "Content-Type", "application/json")
	if !strings.Contains(answer, "literal") {
		t.Errorf("a literal secret: %s", answer)
	}
	said.WriteString(answer + d.log.String())
	if strings.Contains(said.String(), secret) {
		t.Error("the secret came out again")
	}
	for change, err := range c.Changes(t.Context(), "sealed-one") {
		if err != nil || len(change.Fields) == 0 {
			t.Errorf("%+v %v", change, err)
		}
	}
}

func TestAWriterNamesTheVersionItSaw(t *testing.T) {
	d := start(t)
	if _, err := d.client(d.operator).CreateRecord(t.Context(), record("v")); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(record("v"))
	if err != nil {
		t.Fatal(err)
	}
	for ifMatch, want := range map[string]int{"": 400, "x": 400, `"0"`: 400, `"-1"`: 400, `"7"`: 409, `W/"1"`: 200, "1": 200} {
		header := []string{"Authorization", "Bearer " + d.operator, "Content-Type", "application/json"}
		if ifMatch != "" {
			header = append(header, "If-Match", ifMatch)
		}
		if res, answer := d.do("PUT", "/api/v1/credentials/v", string(body), header...); res.StatusCode != want || !strings.Contains(answer, `"`) {
			t.Errorf("If-Match %s: %d %s, want %d", ifMatch, res.StatusCode, answer, want)
		}
	}
	res, answer := d.do("PUT", "/api/v1/credentials/w", string(body), "Authorization", "Bearer "+d.operator, "Content-Type", "application/json", "If-Match", "1")
	if res.StatusCode != 400 || !strings.Contains(answer, "never changes") {
		t.Errorf("a body about another record: %d %s", res.StatusCode, answer)
	}
}

func TestARecordsFaultsAreSaidAllAtOnce(t *testing.T) {
	d := start(t)
	r := record("bad")
	r.Kind, r.Expires, r.ValidFor, r.Renewal.Planned, r.ExpiryLadder = "rocket", "tomorrow", "long", "soon", []string{"x"}
	_, err := d.client(d.operator).CreateRecord(t.Context(), r)
	refused(t, "faults", err, http.StatusBadRequest, "2026-09-28")
	for _, field := range []string{"kind", "expires", "valid_for", "renewal.planned", "expiry_ladder[0]"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	r = record("bad")
	r.Tenant = "nowhere"
	_, err = d.client(d.operator).CreateRecord(t.Context(), r)
	refused(t, "an unknown tenant", err, http.StatusBadRequest, "emea")
}

func TestAnImportsPreviewWritesNothing(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	const sheet = "id,tenant,kind,client_id,secret_generated\nnew-one,emea,server_to_server,abc,2026-09-28\nnew-two,emea,rocket,def,2026-09-28\n"
	options := client.ImportOptions{Format: "csv", Name: "estate.csv"}
	preview, err := c.Import(t.Context(), strings.NewReader(sheet), options)
	if err != nil || preview.Applied || preview.Rows != 2 || len(preview.New) != 1 || len(preview.Wrong) != 1 || preview.Wrong[0].Line != 3 || preview.Wrong[0].Column != "kind" {
		t.Fatalf("%+v %v", preview, err)
	}
	items, err := d.db.Items(t.Context())
	if err != nil || len(items) != 0 {
		t.Fatalf("the preview wrote %d records, %v", len(items), err)
	}
	options.Apply = true
	if done, err := c.Import(t.Context(), strings.NewReader(sheet), options); err != nil || !done.Applied {
		t.Fatalf("%+v %v", done, err)
	}
	for change, err := range c.Changes(t.Context(), "new-one") {
		if err != nil || change.Via != "import" || change.By != "operator-token" {
			t.Errorf("%+v %v", change, err)
		}
	}
	out, err := c.Export(t.Context(), "csv")
	if err != nil || !strings.Contains(string(out), "new-one") {
		t.Fatalf("%s %v", out, err)
	}
	again, err := c.Import(t.Context(), strings.NewReader(string(out)), client.ImportOptions{Format: "csv"})
	if err != nil || len(again.New)+len(again.Wrong) != 0 || again.Rows != 1 {
		t.Errorf("the export comes back as %+v %v", again, err)
	}
}

func TestUploadsHaveALimit(t *testing.T) {
	d := start(t)
	bearer := "Bearer " + d.operator
	res, body := d.do("POST", "/api/v1/import?format=csv", strings.Repeat("x", 17<<20), "Authorization", bearer, "Content-Type", "application/octet-stream")
	if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, strconv.Itoa(16<<20)) {
		t.Errorf("%d %.200s", res.StatusCode, body)
	}
	if res, body := d.do("POST", "/api/v1/import?format=csv", "id,tenant\n"+strings.Repeat("#", 1<<20), "Authorization", bearer); res.StatusCode == http.StatusRequestEntityTooLarge {
		t.Errorf("a megabyte is refused: %.200s", body)
	}
	if res, _ := d.do("POST", "/api/v1/import?format=odf", "x", "Authorization", bearer); res.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown format: %d", res.StatusCode)
	}
	res, _ = d.do("GET", "/api/v1/export?format=xlsx", "", "Authorization", bearer)
	if !strings.Contains(res.Header.Get("Content-Type"), "spreadsheetml") || !strings.Contains(res.Header.Get("Content-Disposition"), "credentials.xlsx") {
		t.Errorf("%v", res.Header)
	}
}

func TestWhatEndsComesSoonestFirstAndUnknownLast(t *testing.T) {
	now := time.Now()
	snap := snapshot(3)
	for i, days := range []int{20, -3, 400} {
		snap.Credentials[i].SecretGenerated = keepwatch.DayOf(now, time.UTC).AddDays(days - 180)
	}
	snap.Credentials[0].Renewal = keepwatch.Renewal{Planned: keepwatch.DayOf(now, time.UTC).AddDays(10), By: "anna"}
	snap.Credentials = append(snap.Credentials, keepwatch.Credential{ID: "sftp", Tenant: "emea", Kind: keepwatch.SFTPPassword, File: "keepwatch.yaml:99"})
	d := start(t, func(o *httpapi.Options) {
		o.Reader = view.NewReader(view.From(o.Inventory.(*services).DB), func() view.Snapshot { return snap })
	})
	c := d.client(d.viewer)
	list, err := c.Expiring(t.Context(), client.ExpiringFilter{})
	if err != nil || list.Within != "90d" || list.Ended != 1 || list.Soon != 1 || list.Undated != 1 || list.Next != nil {
		t.Fatalf("%+v %v", list, err)
	}
	var ids []string
	for _, e := range list.Items {
		ids = append(ids, e.Credential+" "+e.Severity)
	}
	if want := []string{"cred-01 critical", "cred-00 info", "sftp unknown"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
	first, last := list.Items[1], list.Items[2]
	if first.Clock.Source != "derived" || *first.Clock.DaysLeft != 20 || !first.Quiet || first.RenewalBy != "anna" || !strings.Contains(first.Clock.Basis, "180 days") {
		t.Errorf("%+v", first)
	}
	if last.Clock.EndsAt != nil || last.Clock.DaysLeft != nil || last.Clock.Source != "unknown" {
		t.Errorf("%+v", last)
	}
	var paged []string
	f := client.ExpiringFilter{Limit: 1}
	for {
		page, err := c.Expiring(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			paged = append(paged, e.Credential)
		}
		if page.Next == nil {
			break
		}
		f.Cursor = *page.Next
	}
	if !slices.Equal(paged, []string{"cred-01", "cred-00", "sftp"}) {
		t.Errorf("page by page: %v", paged)
	}
	if list, err := c.Expiring(t.Context(), client.ExpiringFilter{Owner: "CRM-platform", Within: "500d"}); err != nil || len(list.Items) != 3 {
		t.Errorf("%d of the owner, %v", len(list.Items), err)
	}
	_, err = c.Expiring(t.Context(), client.ExpiringFilter{Owner: "nobody"})
	refused(t, "a misspelt owner", err, http.StatusBadRequest, "crm-platform")
	_, err = c.Expiring(t.Context(), client.ExpiringFilter{Tenant: "nowhere"})
	refused(t, "a misspelt tenant", err, http.StatusBadRequest, "emea")
	_, err = c.Expiring(t.Context(), client.ExpiringFilter{Within: "soon"})
	refused(t, "a span that is none", err, http.StatusBadRequest, "30d")
}

func TestFindingsAreAcceptedForAWhile(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	ids := func(f client.FindingFilter) (out []string) {
		t.Helper()
		for item, err := range c.Findings(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, item.ID)
		}
		return out
	}
	if got := ids(client.FindingFilter{Limit: 1}); !slices.Equal(got, []string{"f3", "f2", "f1"}) {
		t.Errorf("the loudest first: %v", got)
	}
	for what, f := range map[string]client.FindingFilter{"no_owner": {Kind: "no_oner"}, "crm-platform": {Owner: "nobody"}, "emea": {Tenant: "nowhere"}} {
		for _, err := range c.Findings(t.Context(), f) {
			refused(t, "a misspelt filter", err, http.StatusBadRequest, what)
		}
	}
	_, err := c.AcceptFinding(t.Context(), "f1", "  ", time.Now().Add(time.Hour))
	refused(t, "no reason", err, http.StatusBadRequest, "why")
	if got := ids(client.FindingFilter{Owner: "CRM-platform", Severity: "info"}); !slices.Equal(got, []string{"f1"}) {
		t.Errorf("%v", got)
	}
	until := time.Now().Add(30 * 24 * time.Hour)
	f, err := c.AcceptFinding(t.Context(), "f2", "ends with the contract", until)
	if err != nil || f.Accepted == nil || f.Accepted.By != "operator-token" || f.Credential == nil {
		t.Fatalf("%+v %v", f, err)
	}
	if open, accepted := ids(client.FindingFilter{}), ids(client.FindingFilter{Status: "accepted"}); !slices.Equal(open, []string{"f3", "f1"}) || !slices.Equal(accepted, []string{"f2"}) {
		t.Errorf("open %v, accepted %v", open, accepted)
	}
	for what, until := range map[string]time.Time{"the past": time.Now().Add(-time.Hour), "for ever": time.Now().AddDate(5, 0, 0)} {
		_, err := c.AcceptFinding(t.Context(), "f1", "x", until)
		refused(t, what, err, http.StatusBadRequest, "anew")
	}
	_, err = c.AcceptFinding(t.Context(), "none", "x", until)
	refused(t, "an unknown finding", err, http.StatusNotFound, "list")
	if err := c.WithdrawAcceptance(t.Context(), "f2"); err != nil {
		t.Fatal(err)
	}
	if got := ids(client.FindingFilter{}); len(got) != 3 {
		t.Errorf("after it was taken back: %v", got)
	}
}

func TestAFeedsAddressIsSecretAndEnds(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	one, err := c.CreateFeed(t.Context(), client.NewFeed{Owner: "CRM-platform"})
	if err != nil || one.Address != "https://keepwatch.example.com"+one.Path || one.CreatedBy != "operator-token" {
		t.Fatalf("%+v %v", one, err)
	}
	other, err := c.CreateFeed(t.Context(), client.NewFeed{})
	token := strings.TrimSuffix(strings.TrimPrefix(one.Path, "/calendar/"), ".ics")
	if err != nil || other.Path == one.Path || len(token) < 43 {
		t.Fatalf("%q and %q, %v", one.Path, other.Path, err)
	}
	feeds, err := d.db.Feeds(t.Context())
	if err != nil || len(feeds) != 2 {
		t.Fatal(feeds, err)
	}
	kept, err := json.Marshal(feeds)
	if err != nil || strings.Contains(string(kept), token) {
		t.Error("the token is kept")
	}
	res, body := d.do("GET", one.Path, "")
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/calendar") || !strings.Contains(body, "X-WR-CALNAME:CRM-platform") {
		t.Errorf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body)
	}
	for _, path := range []string{"/calendar/" + token, "/calendar/x.ics", "/calendar/.ics", "/calendar/" + feeds[0].Hash + ".ics", "/calendar/" + feeds[1].Hash + ".ics", "/calendar/" + strings.Repeat("a", 300) + ".ics"} {
		if res, _ := d.do("GET", path, ""); res.StatusCode != 404 {
			t.Errorf("%.60s: %d", path, res.StatusCode)
		}
	}
	_, err = c.CreateFeed(t.Context(), client.NewFeed{Owner: "crn-platform"})
	refused(t, "a feed of nobody", err, http.StatusBadRequest, "crm-platform")
	refused(t, "an unknown feed", c.RevokeFeed(t.Context(), "none"), http.StatusNotFound, "list")
	if err := c.RevokeFeed(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	if res, _ := d.do("GET", one.Path, ""); res.StatusCode != 404 {
		t.Errorf("revoked: %d", res.StatusCode)
	}
	list, err := c.Feeds(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}
	for _, f := range list { // two of one millisecond have no order among them
		if (f.RevokedAt != nil) != (f.ID == one.ID) {
			t.Errorf("%+v", f)
		}
	}
	if res, _ := d.do("GET", other.Path, ""); res.StatusCode != 200 {
		t.Errorf("the other feed ended, too: %d", res.StatusCode)
	}
}

func TestARotationOverTheAPI(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	_, err := c.StartRotation(t.Context(), client.NewRotation{Credential: "nobody", StagedRef: "env:X", Generated: "2026-11-23"})
	refused(t, "an unknown credential", err, 404, "list")
	_, err = c.StartRotation(t.Context(), client.NewRotation{Credential: "cred-00", StagedRef: "env:X", Generated: "once"})
	refused(t, "no date", err, 400, "")
	r, err := c.StartRotation(t.Context(), client.NewRotation{Credential: "cred-00", StagedRef: "env:NEXT", Generated: "2026-11-23"})
	if err != nil || r.StartedBy != "operator-token" || r.Generated != "2026-11-23" || !r.Open || len(r.Holders) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	_, body := d.do("GET", "/api/v1/rotations/r1", "", "Authorization", "Bearer "+d.viewer)
	if strings.Contains(body, "hash-of-tick") {
		t.Error("the hash of a holder's link is shown")
	}
	for range 2 { // looking changes nothing, however often
		_, body := d.do("GET", "/rotations/tick/tick", "", "Accept", "application/json")
		if !strings.Contains(body, `"open":true`) || !strings.Contains(body, "shop has switched") {
			t.Fatalf("before: %s", body)
		}
	}
	if _, body := d.do("POST", "/rotations/tick/tick", "", "Accept", "application/json"); !strings.Contains(body, `"open":false`) {
		t.Errorf("after: %s", body)
	}
	if res, _ := d.do("POST", "/rotations/tick/other", "", "Accept", "application/json"); res.StatusCode != 404 {
		t.Errorf("another link: %d", res.StatusCode)
	}
	if r, err := c.Rotation(t.Context(), "r1"); err != nil || r.Holders[0].SwitchedAt == nil {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.ResumeRotation(t.Context(), "r1", client.ResumeRotation{StagedRef: "env:THIRD"}); err != nil || r.NewRef != "env:THIRD" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.TickHolder(t.Context(), "r1", "shop"); err != nil || r.Holders[0].SwitchedBy != "shop by operator-token" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.ActivatedRotation(t.Context(), "r1"); err != nil || len(r.Evidence) != 1 || r.Evidence[0].By != "operator-token" {
		t.Errorf("%+v %v", r, err)
	}
	for r, err := range c.Rotations(t.Context(), client.RotationFilter{Credential: "cred-00", Status: "all"}) {
		if err != nil || r.ID != "r1" {
			t.Errorf("%+v %v", r, err)
		}
	}
	if r, err := c.AbortRotation(t.Context(), "r1", "the package moves"); err != nil || r.Open {
		t.Errorf("%+v %v", r, err)
	}
}

// A run that cannot be made would stand in the history as a fault of the monitor.
func TestWhatHasNoTestIsNotTested(t *testing.T) {
	snap := view.Snapshot{Credentials: []keepwatch.Credential{{ID: "drop", Kind: keepwatch.SFTPPassword}}}
	d := start(t, func(o *httpapi.Options) {
		o.Reader = view.NewReader(view.From(storetest.New(t)), func() view.Snapshot { return snap })
	})
	_, err := d.client(d.admin).Check(t.Context(), "drop")
	refused(t, "a test of an SFTP password", err, http.StatusConflict, "dates")
	refused(t, "removal of what is not there", d.client(d.operator).DeleteRecord(t.Context(), "never-was", 1), http.StatusNotFound, "list")
}

func TestALookAtAnAccount(t *testing.T) {
	d := start(t)
	found, err := d.client(d.admin).Discover(t.Context(), "emea")
	if err != nil || found.Calls != 9 || found.Seen["business_units"] != 3 || len(found.Findings) != 1 || found.Notes == nil ||
		!slices.Equal(found.Unlisted, []client.ListedUnit{{MID: 510000124, Name: "France"}}) {
		t.Errorf("%+v %v", found, err)
	}
	_, err = d.client(d.admin).Discover(t.Context(), "nowhere")
	refused(t, "an unknown tenant", err, 400, "emea")
}
