package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

const pastRows = 20

// typed is what stands in a time field of a form: the visitor writes it in UTC.
const typed = "2006-01-02T15:04"

// instantOf reads a moment of a form: an empty one is otherwise.
func instantOf(text string, otherwise time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{typed, "2006-01-02T15:04:05", "2006-01-02 15:04", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, keepwatch.WithHint(fmt.Errorf("that is no time: %w", keepwatch.ErrInvalid), "write it like "+otherwise.UTC().Format("2006-01-02 15:04")+", in UTC")
}

// momentValue is a moment as a field of moments takes it back; "" is none. A browser shows
// nothing of what is written otherwise, and complains: such a text comes back in a field
// of text.
func momentValue(text string) string {
	t, err := instantOf(text, time.Time{})
	if err != nil || t.IsZero() {
		return ""
	}
	return t.Format(typed)
}

// dayValue is the same for a field of days.
func dayValue(text string) string {
	if _, err := keepwatch.ParseDate(text); err != nil {
		return ""
	}
	return text
}

// fact is what is wrong with what was typed, without the name of its kind: that it is
// invalid says the place where it stands.
func fact(f view.Failure) string {
	return strings.TrimSuffix(f.Message, ": "+keepwatch.ErrInvalid.Error())
}

// silenceForm is a silence as it was typed, with what is wrong with it by field.
type silenceForm struct {
	Kind, Credential, Tenant, Team, Outcome     string
	Owner, Reason, From, Until, Hours, Timezone string
	Problems                                    map[string]string
}

type silencesBody struct {
	Tab      string
	May      bool
	Form     silenceForm
	Tenants  []string
	Teams    []string
	Active   []silenceRow
	Coming   []silenceRow
	Past     []silenceRow
	AllPast  int // Past are the newest of them
	Previews bool
	Covered  []client.Incident
}

// silenceRow is a silence, and whether the visitor may end it.
type silenceRow struct {
	client.Silence
	May bool
}

// quiet are the silences that concern the visitor, ahead or past.
func (s *site) quiet(r *http.Request, past bool, now time.Time) ([]silenceRow, error) {
	ctx := r.Context()
	who := view.PrincipalOf(ctx)
	all, err := s.Alerts.Silences(ctx, past, now)
	if err != nil {
		return nil, err
	}
	may := map[string]bool{}
	for _, x := range all {
		may[x.ID] = !past && x.File == "" && mayOperate(r) && s.Reader.MaySilence(ctx, who, x)
	}
	var out []silenceRow
	for _, x := range view.SilencesOf(s.Reader.Silences(ctx, who, all), now) {
		out = append(out, silenceRow{x, may[x.ID]})
	}
	return out, nil
}

func (s *site) silences(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	form := silenceForm{Kind: q.Get("kind"), Credential: q.Get("credential"), Tenant: q.Get("tenant"), Until: time.Now().UTC().Add(4 * time.Hour).Format(typed)}
	return s.silencesPage(r, silencesBody{Form: form})
}

func (s *site) silencesPage(r *http.Request, b silencesBody) (*page, error) {
	now := time.Now()
	ahead, err := s.quiet(r, false, now)
	if err != nil {
		return nil, err
	}
	if b.Past, err = s.quiet(r, true, now); err != nil {
		return nil, err
	}
	if b.AllPast = len(b.Past); r.URL.Query().Get("past") != "all" {
		b.Past = b.Past[:min(b.AllPast, pastRows)]
	}
	for _, x := range ahead {
		if x.Status == "ahead" {
			b.Coming = append(b.Coming, x)
		} else {
			b.Active = append(b.Active, x)
		}
	}
	b.Tab, b.May, b.Tenants, b.Teams = "silences", mayOperate(r), s.read(r).TenantIDs(), s.read(r).Teams()
	return &page{Template: "silences", Title: "Silences and maintenance", Section: "alerts", Now: now, Body: b}, nil
}

// newSilence shows what a silence would be for, or makes it. What was typed wrong is
// said at its field, beside what was typed.
func (s *site) newSilence(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	now := time.Now()
	b := silencesBody{Form: formOf(r.PostForm)}
	asked := readSilence(s.read(r), &b.Form, now)
	if len(b.Form.Problems) == 0 && !s.Reader.MaySilence(r.Context(), who, asked) {
		f := view.FailureOf(view.TooFar())
		b.Form.Problems["form"] = f.Message + hinted(f.Hint)
	}
	b.Previews = r.PostForm.Get("do") == "preview"
	if !asked.Match.Everything() {
		if err := s.preview(r, &b, asked.Match); err != nil {
			return nil, err
		}
	}
	if b.Previews || len(b.Form.Problems) > 0 {
		return s.again(r, b)
	}
	made := view.SilenceOf(client.NewSilence{
		Kind: string(asked.Kind), Match: client.Match(asked.Match), Owner: b.Form.Owner, Reason: b.Form.Reason, From: &asked.From, Until: asked.Until, Hours: asked.Hours, Timezone: asked.Timezone,
	}, who.Name, now)
	err := made.Check()
	if err == nil {
		err = s.Alerts.Silence(r.Context(), made)
	}
	if err != nil {
		f := view.FailureOf(err)
		if f.Status >= http.StatusInternalServerError {
			return nil, err
		}
		field := "form"
		if made.Hours != "" && made.Check() == nil { // all else was looked at
			field = "hours"
		}
		b.Form.Problems[field] = fact(f) + hinted(f.Hint)
		return s.again(r, b)
	}
	http.Redirect(w, r, "/alerts/silences#"+url.PathEscape(made.ID), http.StatusSeeOther)
	return nil, nil
}

func hinted(hint string) string {
	if hint == "" {
		return ""
	}
	return ": " + hint
}

func (s *site) again(r *http.Request, b silencesBody) (*page, error) {
	p, err := s.silencesPage(r, b)
	if p != nil && len(b.Form.Problems) > 0 && !b.Previews {
		p.Status = http.StatusBadRequest
	}
	return p, err
}

func (s *site) preview(r *http.Request, b *silencesBody, m keepwatch.Match) error {
	list, err := s.Alerts.Covered(r.Context(), m)
	b.Covered = s.Reader.Covered(view.PrincipalOf(r.Context()), list)
	return err
}

func formOf(v url.Values) silenceForm {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return silenceForm{
		Kind: get("kind"), Credential: get("credential"), Tenant: get("tenant"), Team: get("team"), Outcome: get("outcome"), Owner: get("owner"), Reason: get("reason"),
		From: get("from"), Until: get("until"), Hours: get("hours"), Timezone: get("timezone"), Problems: map[string]string{},
	}
}

// readSilence reads a form and says at each field what is wrong with it.
func readSilence(reader *view.Reader, f *silenceForm, now time.Time) keepwatch.Silence {
	wrong := func(field, format string, args ...any) { f.Problems[field] = fmt.Sprintf(format, args...) }
	out := keepwatch.Silence{Kind: keepwatch.Silenced, Hours: f.Hours, Timezone: f.Timezone}
	switch f.Kind {
	case "", string(keepwatch.Silenced):
		if f.Hours != "" {
			wrong("hours", "only maintenance comes back each week: choose maintenance, or leave this empty")
		}
	case string(keepwatch.Maintained):
		out.Kind = keepwatch.Maintained
	default:
		wrong("kind", "silence or maintenance")
	}
	out.Match = keepwatch.Match{Credential: parts(f.Credential), Tenant: parts(f.Tenant), Owner: parts(f.Team), Outcome: parts(f.Outcome)}
	for _, id := range out.Match.Credential {
		if reader.Exists(keepwatch.CredentialID(id)) != nil {
			wrong("credential", "there is no credential %q", id)
		}
	}
	for _, id := range out.Match.Tenant {
		if !slices.Contains(reader.TenantIDs(), id) {
			wrong("tenant", "there is no tenant %q", id)
		}
	}
	for _, o := range out.Match.Outcome {
		if !slices.ContainsFunc(keepwatch.Outcomes, func(x keepwatch.OutcomeInfo) bool { return string(x.Outcome) == o }) {
			wrong("outcome", "%q is no outcome, such as expiring or bad_secret_or_package", o)
		}
	}
	if out.Match.Everything() {
		wrong("credential", "name a credential, tenant, team or outcome: a silence of everything would hide what nobody has thought of")
	}
	if f.Reason == "" {
		wrong("reason", "say in a sentence why nobody is to be told")
	}
	if _, err := time.LoadLocation(f.Timezone); err != nil {
		wrong("timezone", "%q is no time zone, such as Europe/Berlin", f.Timezone)
	}
	f.readTimes(&out, now, wrong)
	return out
}

func (f *silenceForm) readTimes(out *keepwatch.Silence, now time.Time, wrong func(field, format string, args ...any)) {
	from, err := instantOf(f.From, now.UTC().Truncate(time.Second))
	if err != nil {
		wrong("from", "%s", keepwatch.HintOf(err))
		return
	}
	out.From = from
	until, err := instantOf(f.Until, time.Time{})
	switch {
	case err != nil:
		wrong("until", "write it like %s, in UTC", now.UTC().Format("2006-01-02 15:04"))
	case until.IsZero():
		wrong("until", "name its end; what still lasts then is told")
	case !until.After(from):
		wrong("until", "its end must lie after its begin")
	case !until.After(now):
		wrong("until", "its end lies in the past")
	case until.Sub(from) > keepwatch.MaxSilence:
		wrong("until", "at most 366 days; make another one then")
	}
	out.Until = until
}

// parts are the values of a field: several are written with commas.
func parts(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" ,;\t\r\n", c) })
}

func (s *site) endSilence(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	all, err := s.Alerts.Silences(r.Context(), false, time.Now())
	if err == nil {
		err = s.Reader.MayEnd(r.Context(), who, r.PathValue("id"), all)
	}
	if err != nil {
		return nil, err
	}
	if _, err := s.Alerts.EndSilence(r.Context(), r.PathValue("id"), who.Name, time.Now()); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/alerts/silences", http.StatusSeeOther)
	return nil, nil
}
