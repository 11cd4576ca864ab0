package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keepwatch"
)

const (
	eid     keepwatch.MID = 510000100
	germany keepwatch.MID = 510000123
	france  keepwatch.MID = 510000124
)

// rig is a simulator with one server-to-server client, and an HTTP client that
// reaches it.
type rig struct {
	t    *testing.T
	sim  *Sim
	http *http.Client
	base string
	id   string
	open string // its secret
}

func spec() ClientSpec {
	return ClientSpec{Name: "orders", MID: germany, EID: eid, BusinessUnits: []keepwatch.MID{france}}
}

// newRig serves over a real socket.
func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	s := New(opts)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); server.Close() })
	return rigOf(t, s, server.Client(), server.URL+"/")
}

// newPipeRig serves over a Pipe; call it inside a bubble.
func newPipeRig(t *testing.T, opts Options) (*rig, *Pipe) {
	t.Helper()
	s := New(opts)
	p := NewPipe(s.Handler())
	transport := &http.Transport{DialContext: p.Dial}
	t.Cleanup(func() {
		s.Close()
		transport.CloseIdleConnections()
		p.Close()
	})
	return rigOf(t, s, &http.Client{Transport: transport}, PipeURL), p
}

func rigOf(t *testing.T, s *Sim, client *http.Client, base string) *rig {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := s.AddClient(spec())
	return &rig{t, s, client, base, c.ClientID, c.Secret}
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (r *rig) do(method, path, token, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return read(r.http.Do(req))
}

func read(resp *http.Response, err error) reply {
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err}
}

func (r *rig) tokenWith(secret string, more ...string) reply {
	r.t.Helper()
	extra := ""
	if len(more) > 0 {
		extra = "," + strings.Join(more, ",")
	}
	return r.do("POST", "v2/token", "", fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q%s}`, r.id, secret, extra))
}

// token gets a token that must be granted.
func (r *rig) token(more ...string) string {
	r.t.Helper()
	got := r.tokenWith(r.open, more...)
	if got.status != http.StatusOK {
		r.t.Fatalf("token: %d %s %v", got.status, got.body, got.err)
	}
	return got.field(r.t, "access_token")
}

func (a reply) field(t *testing.T, name string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	text, _ := v[name].(string)
	return text
}

func (r *rig) soap(header, message string) reply {
	r.t.Helper()
	return r.do("POST", "Service.asmx", "", envelope(header, message), "Content-Type", "text/xml", "SOAPAction", "Retrieve")
}

func envelope(header, message string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>` + header + `</s:Header><s:Body>` + message + `</s:Body></s:Envelope>`
}

func oauth(token string) string {
	return `<fueloauth xmlns="http://exacttarget.com">` + token + `</fueloauth>`
}

func login(user, password string) string {
	return `<wsse:Security xmlns:wsse="` + nsSecurity + `"><wsse:UsernameToken><wsse:Username>` + user + `</wsse:Username><wsse:Password>` + password + `</wsse:Password></wsse:UsernameToken></wsse:Security>`
}

func retrieve(object, properties, more string) string {
	var props strings.Builder
	for p := range strings.FieldsSeq(properties) {
		props.WriteString("<Properties>" + p + "</Properties>")
	}
	return `<RetrieveRequestMsg xmlns="` + nsPartner + `"><RetrieveRequest><ObjectType>` + object + `</ObjectType>` + props.String() + more + `</RetrieveRequest></RetrieveRequestMsg>`
}

const systemStatusRequest = `<SystemStatusRequestMsg xmlns="` + nsPartner + `"/>`

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func contains(t *testing.T, got reply, want string) {
	t.Helper()
	if !strings.Contains(got.body, want) {
		t.Errorf("answer %d %q lacks %q (%v)", got.status, clip(got.body), want, got.err)
	}
}

func clip(s string) string {
	if len(s) > 400 {
		return s[:400] + "…"
	}
	return s
}
