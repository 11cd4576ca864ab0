package collect_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
)

const callbackID = "3fae1f0e-72fb-4e0e-8e0f-0a6a9c1f2b77"

func callback() collect.Callback {
	return collect.Callback{Tenant: keepwatch.Tenant{ID: "t"}, ID: callbackID, Keys: []keepwatch.Secret{keepwatch.NewSecret([]byte("signature-key-0123456789"))}}
}

func signed(body string) http.Header {
	sum := hmac.New(sha256.New, []byte("signature-key-0123456789"))
	sum.Write([]byte(body))
	h := http.Header{}
	h.Set("x-sfmc-ens-signature", base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	return h
}

const errored = `{"eventCategoryType":"SendEvents.AutomationInstanceErrored","timestampUTC":1795500000000,"mid":510000123,"automationName":"Nightly","automationCustomerKey":"nightly"}`

func TestPushedEventsAreWishesForALook(t *testing.T) {
	notSent := func(code string) string {
		return `{"eventCategoryType":"TransactionalSendEvents.EmailNotSent","timestampUTC":1795500060000,"mid":510000123,"definitionKey":"welcome","info":{"to":"a@example.com","statusCode":` + code + `,"statusMessage":"BuildEmailError"}}`
	}
	body := "[" + strings.Join([]string{
		errored, strings.Replace(errored, "1795500000000", "1795499990000", 1), strings.Replace(errored, "Errored", "Completed", 1), strings.Replace(errored, "Errored", "Skipped", 1),
		notSent("26"), notSent("1"), `{"eventCategoryType":"EngagementEvents.EmailOpen","mid":510000123}`, `{}`,
	}, ",") + "]"
	p := collect.ENS(callback(), signed(body), []byte(body))
	if p.Status != http.StatusNoContent || p.Events != 8 || p.Unread != 1 || len(p.Wishes) != 3 || p.Verify != nil {
		t.Fatalf("%+v", p)
	}
	w := p.Wishes[0]
	if w.Tenant != "t" || w.Unit != germany || w.Family != keepwatch.FamilyAutomations || w.Subject.ID() != "automation/nightly" || w.Events != 2 || !w.At.Equal(time.UnixMilli(1795499990000)) || !strings.Contains(w.Reason, "ended in an error") {
		t.Errorf("%+v", w)
	}
	if p.Wishes[1].Reason == w.Reason || p.Wishes[2].Subject.ID() != "transactional_email/welcome" || p.Wishes[2].Events != 1 || strings.Contains(p.Wishes[2].Reason, "@") {
		t.Errorf("%+v", p.Wishes[1:])
	}
}

func TestNothingUnsignedIsBelieved(t *testing.T) {
	body := "[" + errored + "]"
	for name, h := range map[string]http.Header{"no signature": {}, "of another body": signed(body + " "), "nonsense": {"X-Sfmc-Ens-Signature": {"AAAA"}}} {
		if p := collect.ENS(callback(), h, []byte(body)); p.Status != http.StatusUnauthorized || len(p.Wishes) != 0 || p.Verify != nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	keyless := callback()
	keyless.Keys = nil
	if p := collect.ENS(keyless, signed(body), []byte(body)); p.Status != http.StatusUnauthorized {
		t.Errorf("%+v", p)
	}
	if p := collect.ENS(callback(), signed("{}"), []byte("{}")); p.Status != http.StatusBadRequest {
		t.Errorf("%+v", p)
	}
	if p := collect.ENS(callback(), http.Header{}, make([]byte, 5<<20)); p.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%+v", p)
	}
}

func TestTheHandshake(t *testing.T) {
	body := `{"callbackId":"` + callbackID + `","verificationKey":"verify-0123456789"}`
	p := collect.ENS(callback(), http.Header{}, []byte(body))
	if p.Status != http.StatusOK || p.Verify == nil || string(p.Verify.Key.Reveal()) != "verify-0123456789" {
		t.Fatalf("%+v", p)
	}
	if other := collect.ENS(callback(), http.Header{}, []byte(strings.Replace(body, "3fae", "4fae", 1))); other.Verify != nil || other.Status != http.StatusUnauthorized {
		t.Errorf("another callback's handshake: %+v", other)
	}
	r := newRig(t, keepwatch.FamilyAutomations)
	c := callback()
	if err := r.c.VerifyENS(t.Context(), c, *p.Verify); err == nil || keepwatch.HintOf(err) == "" {
		t.Errorf("without a reader: %v", err)
	}
	c.Tenant, c.Reader = r.job.Tenant, &r.job.Readers[0]
	r.account.breaks("/platform/v1/ens-verify", http.StatusOK, `{"message":"no","errorcode":30003}`)
	if err := r.c.VerifyENS(t.Context(), c, *p.Verify); err == nil {
		t.Error("an error under a good status is taken")
	}
	r.account.breaks("/platform/v1/ens-verify", http.StatusOK, ``)
	if err := r.c.VerifyENS(t.Context(), c, *p.Verify); err != nil {
		t.Error(err)
	}
	r.account.breaks("/platform/v1/ens-verify", http.StatusForbidden, insufficient)
	if err := r.c.VerifyENS(t.Context(), c, *p.Verify); err == nil || !strings.Contains(keepwatch.HintOf(err), "event_notification") || strings.Contains(err.Error(), "verify-0123") {
		t.Errorf("%v", err)
	}
	r.account.deny["w"] = true
	if err := r.c.VerifyENS(t.Context(), c, *p.Verify); err == nil || !strings.Contains(err.Error(), "watcher") {
		t.Errorf("%v", err)
	}
}

func TestENSHandler(t *testing.T) {
	var came []collect.Pushed
	h := collect.ENSHandler(func(r *http.Request) (collect.Callback, bool) {
		return callback(), strings.HasSuffix(r.URL.Path, callbackID)
	},
		func(_ context.Context, _ collect.Callback, p collect.Pushed) { came = append(came, p) })
	post := func(method, path, body string, header http.Header) int {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	body := "[" + errored + "]"
	for want, got := range map[string]int{
		"signed 204": post("POST", "/ens/"+callbackID, body, signed(body)), "unsigned 401": post("POST", "/ens/"+callbackID, body, http.Header{}),
		"unknown 404": post("POST", "/ens/x", body, signed(body)), "read 404": post("GET", "/ens/"+callbackID, body, signed(body)),
		"huge 413": post("POST", "/ens/"+callbackID, strings.Repeat(" ", 5<<20), signed(body)),
	} {
		if !strings.HasSuffix(want, itoa(got)) {
			t.Errorf("%s: %d", want, got)
		}
	}
	if len(came) != 1 || len(came[0].Wishes) != 1 {
		t.Errorf("%+v", came)
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func FuzzENS(f *testing.F) {
	f.Add("["+errored+"]", "AAAA")
	f.Add(`{"callbackId":"`+callbackID+`","verificationKey":"v"}`, "")
	f.Fuzz(func(t *testing.T, body, signature string) {
		h := http.Header{}
		h.Set("X-Sfmc-Ens-Signature", signature)
		if p := collect.ENS(callback(), h, []byte(body)); len(p.Wishes) > 0 || p.Status < 200 {
			t.Fatalf("%+v", p)
		}
		p := collect.ENS(callback(), signed(body), []byte(body))
		for _, w := range p.Wishes {
			if w.Subject.Key == "" || w.Reason == "" {
				t.Fatalf("%+v", w)
			}
		}
	})
}
