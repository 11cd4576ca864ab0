package app_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// vault makes canaries and remembers them all.
type vault struct {
	mu   sync.Mutex
	list []canary
	seen map[string]bool
}

const (
	plainLetters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	strangeMarks  = `"<>&+%/'=?;`
	canaryLetters = 24
)

func randomSecret() string {
	b := make([]byte, canaryLetters)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = plainLetters[int(b[i])%len(plainLetters)]
	}
	return string(b)
}

// secret makes one of the length of a client secret. A strange one has characters
// in both halves that encodings change.
func (v *vault) secret(name string, strange bool) string {
	b := []byte(randomSecret())
	if strange {
		for i := 3; i < len(b); i += 7 {
			b[i] = strangeMarks[int(b[i])%len(strangeMarks)]
		}
	}
	v.know(name, string(b))
	return string(b)
}

// know adds a secret that the program or the simulator made.
func (v *vault) know(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	if len(value) < prefix || v.seen[value] {
		return
	}
	v.seen[value] = true
	v.list = append(v.list, canary{name, value})
}

// token adds an access token. A simulator's is four parts in base64; head and
// claims are alike in all of them, so the signature and the rest stand for it.
func (v *vault) token(name, value string) {
	if parts := strings.Split(value, "."); len(parts) == 4 {
		v.know(name, parts[2])
		v.know(name, parts[3][max(0, len(parts[3])-2*piece):])
		return
	}
	v.know(name, value)
}

func (v *vault) all() []canary {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]canary(nil), v.list...)
}

// watched stands before the simulator. It learns the tokens that it issues and
// keeps of each request everything but the places where a secret rightly travels:
// the secret of this very client in a token request, the Authorization header, and
// the security header of SOAP.
type watched struct {
	next    http.Handler
	vault   *vault
	out     *evidence
	secrets *keyring

	tokens, calls atomic.Int64
}

// keyring knows which secrets rightly travel in the token requests of a client.
type keyring struct {
	mu sync.Mutex
	of map[string][]string // by client id
}

func (k *keyring) add(client, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string][]string{}
	}
	k.of[client] = append(k.of[client], secret)
}

func (k *keyring) holds(client string, secret any) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, ok := secret.(string)
	return ok && slices.Contains(k.of[client], text)
}

func (s *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.calls.Add(1)
	s.out.add("request to SFMC", withoutRightful(r, body, s.secrets))
	if !isToken(r) {
		s.next.ServeHTTP(w, r)
		return
	}
	tee := &teeWriter{ResponseWriter: w}
	defer func() {
		var answer map[string]any
		if json.Unmarshal(tee.body.Bytes(), &answer) != nil {
			return
		}
		for _, key := range []string{"access_token", "refresh_token", "accessToken", "legacyToken", "refreshToken"} {
			if token, ok := answer[key].(string); ok {
				s.tokens.Add(1)
				s.vault.token(key, token)
			}
		}
	}()
	s.next.ServeHTTP(tee, r)
}

type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *teeWriter) Write(p []byte) (int, error) {
	if t.body.Len() < 1<<16 {
		t.body.Write(p)
	}
	return t.ResponseWriter.Write(p)
}

func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func isToken(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/v2/token") || strings.HasSuffix(r.URL.Path, "/v1/requestToken")
}

var soapSecret = regexp.MustCompile(`(?s)<fueloauth[^>]*>.*?</fueloauth>|<oAuthToken[^>]*>.*?</oAuthToken>|<wsse:Password[^>]*>.*?</wsse:Password>`)

// withoutRightful is a request without what may be in it.
func withoutRightful(r *http.Request, body []byte, secrets *keyring) string {
	header := r.Header.Clone()
	header.Del("Authorization")
	text := string(body)
	switch {
	case isToken(r):
		var ask map[string]any
		_ = json.Unmarshal(body, &ask)
		for _, keys := range [][2]string{{"client_id", "client_secret"}, {"clientId", "clientSecret"}} {
			if id, ok := ask[keys[0]].(string); ok && secrets.holds(id, ask[keys[1]]) {
				delete(ask, keys[1])
			}
		}
		rest, _ := json.Marshal(ask)
		text = string(rest)
	case strings.HasSuffix(r.URL.Path, "Service.asmx"):
		text = soapSecret.ReplaceAllString(text, "")
	}
	return fmt.Sprintf("%s %s %v %s", r.Method, r.URL, header, text)
}

// hostile is a server that hands back what it is sent, in every place of an answer
// and in every spelling. It remembers secrets, too.
type hostile struct {
	vault *vault
	out   *evidence
	known *keyring

	mu     sync.Mutex
	owner  map[string]string // client secret by access token
	proven map[string]bool   // access tokens whose identity it confirms, so that SOAP is asked
	counts map[string]int    // of answers, by surface
	mixed  atomic.Bool       // the next answer is in another place, not only in another spelling
}

func (h *hostile) count(surface string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[surface]
}

// echoes are the spellings in which a server may repeat a secret.
var echoes = []func(string) string{
	func(s string) string { return s },
	func(s string) string { return "secret=" + s + "&x=1" },
	func(s string) string { return base64.StdEncoding.EncodeToString([]byte("id:" + s)) },
	func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	func(s string) string { return hex.EncodeToString([]byte(s)) },
	url.QueryEscape,
	func(s string) string { return spelt(s, "%%%02X") },
	func(s string) string { return spelt(s, `\u%04x`) },
	func(s string) string { return spelt(s, "&#%d;") },
	html.EscapeString,
	wide,
	func(s string) string { return s[:len(s)*2/3] },
	func(s string) string { return s[len(s)/3:] },
}

// answers are the places; each writes a whole answer to the connection.
var answers = []func(e string) string{
	func(e string) string {
		return answerPage("401 Unauthorized", "application/json", answerObject("error", "invalid_client", "error_description", e, "error_uri", e))
	},
	func(e string) string {
		return answerPage("400 Bad Request", "application/json", answerObject("message", e, "documentation", e)+"\n")
	},
	func(e string) string {
		return answerPage("403 Forbidden", "application/json", answerObject("message", "no", "errorcode", e))
	},
	func(e string) string {
		return answerPage("401 Unauthorized", "application/json", answerObject("error", e, "message", e))
	},
	func(e string) string {
		return answerPage("500 Internal Server Error", "text/html", "<html><title>"+e+"</title><p>"+e+"</html>")
	},
	func(e string) string { return answerPage("200 OK", "application/json", `{"access_token":"`+e) },
	func(e string) string {
		return answerPage("302 Found", "text/html", e, "Location: https://"+e+".example/"+e+"?t="+e)
	},
	func(e string) string { return answerPage("401 "+onOneLine(e), "application/json", "") },
	func(e string) string { return onOneLine(e) + " HTTP/1.1\r\n\r\n" },
	func(e string) string { return "HTTP/1.1 200 OK\r\n" + onOneLine(e) + "\r\n\r\n" },
	func(e string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + onOneLine(e) + "\r\n\r\n" },
	func(e string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + onOneLine(e) + "\r\n\r\n" },
	func(e string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + e + "\r\n" },
	func(e string) string {
		return "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n\r\n" + e
	},
	func(e string) string { return answerPage("200 OK", onOneLine(e), e) },
	func(e string) string { return answerPage("429 Too Many Requests", "text/plain", e, "Retry-After: "+e) },
	func(e string) string {
		return answerPage("401 Unauthorized", "text/plain", e, "WWW-Authenticate: Bearer realm=\""+e+"\"", "Set-Cookie: a="+e)
	},
	func(e string) string { return answerPage("503 "+onOneLine(e), "text/plain", e) },
	func(e string) string {
		return answerPage("200 OK", "application/json", answerObject("access_token", "tok-"+e, "token_type", e, "scope", "email_read "+e,
			"rest_instance_url", "https://"+e, "soap_instance_url", e, "error", ""))
	},
	func(e string) string {
		return answerPage("200 OK", "application/json", answerObject("error", e, "organization", e, "user", e, "message", e))
	},
	func(e string) string {
		return answerPage("500 Internal Server Error", "text/xml", answerSOAP(`<soap:Fault><faultcode>soap:`+html.EscapeString(e)+`</faultcode><faultstring>`+html.EscapeString(e)+`</faultstring><detail>`+html.EscapeString(e)+`</detail></soap:Fault>`))
	},
	func(e string) string {
		return answerPage("200 OK", "text/xml", answerSOAP(`<RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>Error: `+html.EscapeString(e)+`</OverallStatus><RequestID>`+html.EscapeString(e)+`</RequestID></RetrieveResponseMsg>`))
	},
	func(e string) string { return answerPage("200 OK", "text/xml", answerSOAP("<"+e+"/>")) },
	// Good answers, with the echo where names are expected.
	func(e string) string {
		quoted, _ := json.Marshal(e)
		return answerPage("200 OK", "application/json", `{"access_token":"nothing-secret","token_type":"Bearer","expires_in":1079,"rest_instance_url":"http://a/","soap_instance_url":"http://a/","scope":`+string(quoted)+
			`,"organization":{"member_id":1,"enterprise_id":1,"stack_key":`+string(quoted)+`},"user":{"sub":`+string(quoted)+`},"application":{"name":`+string(quoted)+`},"count":1,"items":[]}`)
	},
}

func answerObject(pairs ...string) string {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	m["expires_in"] = 1079
	text, _ := json.Marshal(m)
	return string(text)
}

func answerSOAP(body string) string {
	return `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func onOneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

func answerPage(status, kind, body string, header ...string) string {
	var more strings.Builder
	for _, h := range header {
		more.WriteString(onOneLine(h) + "\r\n")
	}
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, kind, more.String(), len(body), body)
}

var bearerOf = regexp.MustCompile(`(?s)<fueloauth[^>]*>(.*?)</fueloauth>|<wsse:Password[^>]*>(.*?)</wsse:Password>`)

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.out.add("request to SFMC", withoutRightful(r, body, h.known))
	surface, secret, answer := h.judge(r, body)
	if answer == "" {
		h.mu.Lock()
		n := h.counts[surface]
		h.counts[surface]++
		h.mu.Unlock()
		place := n / len(echoes)
		if h.mixed.Load() {
			place = n
		}
		answer = answers[place%len(answers)](echoes[n%len(echoes)](secret))
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}

// judge finds the secret to repeat, or gives a token to half of those who ask.
func (h *hostile) judge(r *http.Request, body []byte) (surface, secret, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if isToken(r) {
		var ask struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		_ = json.Unmarshal(body, &ask)
		if strings.HasSuffix(ask.ID, "token") {
			return "token", ask.Secret, ""
		}
		token := h.vault.secret("access token of the hostile server", false)
		h.owner[token] = ask.Secret
		h.proven[token] = strings.HasSuffix(ask.ID, "soap")
		return "token", ask.Secret, answerPage("200 OK", "application/json", answerObject("access_token", token, "token_type", "Bearer",
			"scope", "email_read", "rest_instance_url", "http://"+r.Host+"/", "soap_instance_url", "http://"+r.Host+"/Service.asmx"))
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	surface = "rest"
	if h.proven[token] && strings.HasSuffix(r.URL.Path, "/v2/userinfo") {
		return surface, token, answerPage("200 OK", "application/json", `{"sub":"1","organization":{"member_id":510000999,"enterprise_id":510000999,"stack_key":"S50"},"user":{"sub":"1"},"application":{"name":"odd"}}`)
	}
	if m := bearerOf.FindSubmatch(body); m != nil {
		surface, token = "soap", html.UnescapeString(string(m[1])+string(m[2]))
	}
	// Every other time it repeats what it was told earlier, on another route.
	if earlier := h.owner[token]; earlier != "" && h.counts[surface]/(len(echoes)*len(answers))%2 == 1 {
		return surface, earlier, ""
	}
	return surface, token, ""
}

// hookServer takes messages. When it is rude it repeats the request in its answer.
type hookServer struct {
	name string
	out  *evidence
	rude bool
	n    atomic.Int64
}

func (h *hookServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.out.add("message to "+h.name, fmt.Sprint(r.Header), string(body))
	n := int(h.n.Add(1)) - 1
	if !h.rude {
		_, _ = io.WriteString(w, "ok")
		return
	}
	token := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answers[(7*n+n/len(answers))%len(answers)](echoes[n%len(echoes)](token)))
	_ = conn.Close()
}

// mailHost is a real SMTP server. When it is rude it repeats the password.
type mailHost struct {
	out      *evidence
	name     string
	password string
	rude     bool
	mails    atomic.Int64
	refusals atomic.Int64
}

func (m *mailHost) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{m}, nil }

type mailSession struct{ host *mailHost }

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if password != s.host.password {
			return smtp.ErrAuthFailed
		}
		if !s.host.rude {
			return nil
		}
		n := int(s.host.refusals.Add(1)) - 1
		text := onOneLine(echoes[n%len(echoes)](password))
		return &smtp.SMTPError{Code: 454, EnhancedCode: smtp.NoEnhancedCode, Message: "cannot sign in with " + text}
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.host.out.add("message to "+s.host.name, from)
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.host.out.add("message to "+s.host.name, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.host.out.add("message to "+s.host.name, string(text))
	// The parts of a mail are encoded for the way; quoted-printable may break words.
	s.host.out.add("message to "+s.host.name, strings.ReplaceAll(string(text), "=\r\n", ""))
	s.host.mails.Add(1)
	return err
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

// serveMail runs a mail server on loopback until the test ends.
func serveMail(t *testing.T, m *mailHost) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(m)
	server.AllowInsecureAuth, server.Domain = true, "mail.example.com"
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); wg.Wait() })
	return l.Addr().String()
}
