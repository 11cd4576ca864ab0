package sfmc

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/egress"
)

// serve starts a server on loopback, and the client and endpoints for it.
func serve(t *testing.T, h http.HandlerFunc) (*Client, Endpoints) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := EndpointsOf(keepwatch.Tenant{ID: "t", AuthURL: s.URL, RESTURL: s.URL + "/", SOAPURL: s.URL + "/Service.asmx"})
	if err != nil {
		t.Fatal(err)
	}
	return New(egress.New(egress.Policy{}).HTTP()), e
}

func secret(s string) keepwatch.Secret { return keepwatch.NewSecret([]byte(s)) }

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestTokenRequestIsWhatSalesforceDocuments(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var got map[string]any
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Error(err)
		}
		want := map[string]any{
			"grant_type": "client_credentials", "client_id": "id-1", "client_secret": `s"\&<`,
			"account_id": json.Number("510000123"), "scope": "email_read offline",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		writeJSON(w, 200, goodToken)
	})
	token, v := c.Token(t.Context(), e, TokenRequest{ClientID: "id-1", Secret: secret(`s"\&<`), AccountID: 510000123, Scopes: []string{"email_read", "offline"}})
	if !v.OK() || string(token.Access.Reveal()) != "aaa.bbb.ccc.ddd" || token.ExpiresIn != 1079*time.Second || len(token.Scopes) != 2 {
		t.Errorf("%+v", v)
	}
}

func TestASecretThatCannotBeOneIsNotSent(t *testing.T) {
	requests := 0
	c, e := serve(t, func(http.ResponseWriter, *http.Request) { requests++ })
	for _, s := range []string{"abc\n", "\ufeffabc", "a\x00b"} {
		if _, v := c.Token(t.Context(), e, TokenRequest{ClientID: "id-1", Secret: secret(s)}); requests != 0 || v.Outcome != keepwatch.MonitorFault || v.Hint == "" {
			t.Errorf("%q: %d requests, %+v", s, requests, v)
		}
	}
}

func TestTokenIsAskedForOnce(t *testing.T) {
	for _, status := range []int{200, 400, 401, 403, 429, 500, 503} {
		requests := 0
		c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			raw, _ := io.ReadAll(r.Body)
			const want = `{"grant_type":"client_credentials","client_id":"id-1","client_secret":"s\"\\&<","account_id":510000123}`
			if string(raw) != want {
				t.Errorf("body %s", raw)
			}
			if _, _, basic := r.BasicAuth(); basic || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/v2/token" {
				t.Errorf("%s %v", r.URL, r.Header)
			}
			writeJSON(w, status, goodToken)
		})
		_, v := c.Token(t.Context(), e, TokenRequest{ClientID: "id-1", Secret: secret(`s"\&<`), AccountID: 510000123})
		if requests != 1 || v.HTTPStatus != status || v.OK() != (status == 200) {
			t.Errorf("status %d: %d requests, %+v", status, requests, v)
		}
	}
}

func TestBodyLeavesOutWhatIsNotAsked(t *testing.T) {
	for name, row := range map[string]struct {
		ask  TokenRequest
		want string
	}{
		"no business unit":   {TokenRequest{ClientID: "c", Secret: secret("s")}, `{"grant_type":"client_credentials","client_id":"c","client_secret":"s"}`},
		"no scopes at all":   {TokenRequest{ClientID: "c", Secret: secret("s"), Scopes: []string{}}, `{"grant_type":"client_credentials","client_id":"c","client_secret":"s","scope":""}`},
		"refresh, web app":   {TokenRequest{ClientID: "c", Secret: secret("s"), RefreshToken: secret("r")}, `{"grant_type":"refresh_token","refresh_token":"r","client_id":"c","client_secret":"s"}`},
		"refresh, no secret": {TokenRequest{ClientID: "c", RefreshToken: secret("r"), AccountID: 7}, `{"grant_type":"refresh_token","refresh_token":"r","client_id":"c","account_id":7}`},
	} {
		if got := string(row.ask.body()); got != row.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestRefreshNeedsTheNextToken(t *testing.T) {
	body := goodToken
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, body) })
	ask := TokenRequest{ClientID: "c", Secret: secret("s"), RefreshToken: secret("old")}
	if _, v := c.Token(t.Context(), e, ask); v.Cause != "missing_fields" {
		t.Errorf("no refresh token in the answer: %+v", v)
	}
	body = `{"refresh_token":"next",` + goodToken[1:]
	if token, v := c.Token(t.Context(), e, ask); !v.OK() || string(token.Refresh.Reveal()) != "next" {
		t.Errorf("%+v", v)
	}
}

func TestLegacyToken(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if r.URL.String() != "/v1/requestToken?legacy=1" || string(raw) != `{"clientId":"c","clientSecret":"s"}` {
			t.Errorf("%s %s", r.URL, raw)
		}
		writeJSON(w, 200, `{"accessToken":"a1","expiresIn":3600,"legacyToken":"l1"}`)
	})
	token, v := c.LegacyToken(t.Context(), e, TokenRequest{ClientID: "c", Secret: secret("s")})
	if !v.OK() || string(token.Legacy.Reveal()) != "l1" || token.ExpiresIn != time.Hour {
		t.Errorf("%+v", v)
	}
}

// Everything that can happen below the interface, by real connections.
func TestWireIsNamed(t *testing.T) {
	hijack := func(w http.ResponseWriter, bytes string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, bytes)
		_ = conn.Close()
	}
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		cause   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/x?client_secret=hunter22", http.StatusTemporaryRedirect)
		}, "redirect"},
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, `"`+strings.Repeat("x", maxBody)+`"`)
		}, "huge"},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 64<<20))
			_ = z.Close()
		}, "huge"},
		"not gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			writeJSON(w, 200, goodToken)
		}, "malformed_body"},
		"unasked brotli": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			writeJSON(w, 200, "\x0b\x02\x80\xff")
		}, "wrong_encoding"},
		"reset": {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }, "reset"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"acc")
		}, "truncated"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "220 smtp.example hunter22\r\n") }, "malformed_body"},
		"big head": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 128<<10))
			writeJSON(w, 200, goodToken)
		}, "huge"},
	} {
		t.Run(name, func(t *testing.T) {
			c, e := serve(t, row.handler)
			_, v := c.Token(t.Context(), e, TokenRequest{ClientID: "c", Secret: secret("hunter22")})
			if v.Cause != row.cause || strings.Contains(v.Evidence, "hunter22") {
				t.Errorf("%+v", v)
			}
			if v.Outcome.Info().Category == keepwatch.CategoryCredential {
				t.Error("the wire is never a credential's fault")
			}
		})
	}
}

func TestTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for cause, answer := range map[string]func(io.Writer){
			"hang": func(io.Writer) {},
			"drip": func(w io.Writer) {
				for range 100 {
					if _, err := io.WriteString(w, "x"); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			},
		} {
			h := &http.Client{Transport: slowly(answer)}
			e, _ := EndpointsOf(keepwatch.Tenant{AuthURL: "http://a.example", RESTURL: "http://a.example", SOAPURL: "http://a.example"})
			began := time.Now()
			_, v := New(h).Token(t.Context(), e, TokenRequest{ClientID: "c", Secret: secret("s")})
			if v.Cause != cause || v.Outcome != keepwatch.Timeout || time.Since(began) != TokenTimeout {
				t.Errorf("%s after %v: %+v", cause, time.Since(began), v)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		e, _ := EndpointsOf(keepwatch.Tenant{AuthURL: "http://a.example", RESTURL: "http://a.example", SOAPURL: "http://a.example"})
		if _, v := New(&http.Client{Transport: slowly(nil)}).Token(gone, e, TokenRequest{Secret: secret("s")}); v.Outcome != keepwatch.MonitorFault {
			t.Errorf("stopped from outside: %+v", v)
		}
		time.Sleep(2 * time.Second) // the writers notice
	})
}

// slowly answers with a head and a body that write fills, or with nothing.
type slowly func(io.Writer)

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	context.AfterFunc(r.Context(), func() { _ = w.CloseWithError(r.Context().Err()) })
	began := make(chan struct{})
	go func() {
		if s != nil {
			s(writerFunc(func(p []byte) (int, error) {
				select {
				case <-began:
				default:
					close(began)
				}
				return w.Write(p)
			}))
		}
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-began:
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestRetrievePages(t *testing.T) {
	page := 0
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		page++
		if r.Header.Get("SOAPAction") != "Retrieve" || !strings.Contains(string(raw), `<fueloauth xmlns="http://exacttarget.com">tok</fueloauth>`) {
			t.Errorf("%v %s", r.Header, raw)
		}
		status := "MoreDataAvailable"
		switch page {
		case 1:
			if !strings.Contains(string(raw), `<ObjectType>DataFolder</ObjectType><Properties>ID</Properties><Properties>Name</Properties><Filter xsi:type="SimpleFilterPart"`) ||
				!strings.Contains(string(raw), `<Value>a &lt; b</Value></Filter><QueryAllAccounts>true</QueryAllAccounts>`) {
				t.Errorf("%s", raw)
			}
		case 3:
			status = "OK"
			fallthrough
		case 2:
			if !strings.Contains(string(raw), "<ContinueRequest>r-"+strconv.Itoa(page-1)+"</ContinueRequest>") {
				t.Errorf("%s", raw)
			}
		}
		w.Header().Set("Content-Type", xmlType)
		_, _ = io.WriteString(w, answer(`<RetrieveResponseMsg xmlns="`+partnerAPI+`"><OverallStatus>`+status+`</OverallStatus><RequestID>r-`+strconv.Itoa(page)+
			`</RequestID><Results xsi:type="DataFolder"><PartnerKey xsi:nil="true"/><ID>`+strconv.Itoa(page)+`</ID><Name>é</Name></Results></RetrieveResponseMsg>`))
	})
	rows, v := c.Retrieve(t.Context(), e, Login{Token: secret("tok")}, Retrieve{Object: "DataFolder", Properties: []string{"ID", "Name"},
		Filter: &Filter{Property: "Name", Operator: "equals", Values: []string{"a < b"}}, AllAccounts: true})
	if !v.OK() || len(rows) != 3 || rows[2]["ID"] != "3" || rows[0]["Name"] != "é" {
		t.Errorf("%v %+v", rows, v)
	}
}

func TestLoginStyles(t *testing.T) {
	var raw []byte
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", xmlType)
		_, _ = io.WriteString(w, systemStatus("OK"))
	})
	for want, l := range map[string]Login{
		`<wsse:Username>bob</wsse:Username><wsse:Password Type="` + passwordTyp + `">p&lt;w</wsse:Password>`: {Username: "bob", Password: secret("p<w")},
		`<oAuthToken>leg</oAuthToken>`:                            {Token: secret("t"), Legacy: secret("leg")},
		`<fueloauth xmlns="http://exacttarget.com">t</fueloauth>`: {Token: secret("t")},
	} {
		if v := c.SystemStatus(t.Context(), e, l); !v.OK() || !strings.Contains(string(raw), want) {
			t.Errorf("%+v\n%s", v, raw)
		}
	}
	raw = nil
	if v := c.SystemStatus(t.Context(), e, Login{Username: "bob", Password: secret("a\x00b")}); v.Outcome != keepwatch.MonitorFault || raw != nil {
		t.Errorf("a password that XML cannot carry was sent: %+v", v)
	}
}

func TestIdentityAndServices(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok" {
			t.Errorf("%v", r.Header)
		}
		switch r.URL.Path {
		case "/v2/userinfo":
			writeJSON(w, 200, `{"exp":1,"user":{"sub":"u1"},"organization":{"member_id":510000123,"enterprise_id":510000001,"stack_key":"S7","region":"NA1"},"application":{"name":"CRM sync"}}`)
		case "/platform/v1/tokenContext":
			writeJSON(w, 202, `{"enterprise":{"id":1},"organization":{"id":2},"user":{"id":3}}`)
		default:
			writeJSON(w, 200, `{"page":1,"count":2,"items":[{"type":"rest","url":"https://restapi.s4.example"},{"type":"soap","url":"https://s4.example/Service.asmx"}]}`)
		}
	})
	id, v := c.Userinfo(t.Context(), e, secret("tok"))
	if want := (Identity{MID: 510000123, EID: 510000001, Stack: "S7", UserSub: "u1"}); !v.OK() || id != want {
		t.Errorf("%+v %+v", id, v)
	}
	if id, v = c.TokenContext(t.Context(), e, secret("tok")); !v.OK() || id.MID != 2 || id.EID != 1 {
		t.Errorf("%+v %+v", id, v)
	}
	list, v := c.Services(t.Context(), e, secret("tok"))
	if !v.OK() || len(list) != 2 || list[1].Type != "soap" {
		t.Errorf("%v %+v", list, v)
	}
}

func TestGetStaysOnItsHost(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, `{"q":"`+r.URL.RawQuery+`"}`) })
	if v := c.Get(t.Context(), e, secret("t"), "/a/b?$pageSize=1", []string{"q"}); !v.OK() {
		t.Errorf("%+v", v)
	}
	for _, path := range []string{"//evil.example/x", "/https://evil.example/"} {
		if v := c.Get(t.Context(), e, secret("t"), path, nil); strings.Contains(path, "//evil") && v.OK() && v.HTTPStatus == 0 {
			t.Errorf("%s: %+v", path, v)
		}
	}
}
