package app_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"keepwatch"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/sfmc/sim"
)

// taintInventory is what the inventory brings into the world: records whose
// secrets are sealed, keystores, integration points, and an account of its own
// whose clock can be put forward, so that a secret can be rotated in a moment.
type taintInventory struct {
	sim     *sim.Sim
	watched *watched
	auth    string // address of that account
	ahead   atomic.Int64

	sealFile string
	sealKey  string // the one in use
}

// newSealKey makes one; its text and its bytes are canaries.
func (w *taintWorld) newSealKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)
	w.vault.know("seal key", text)
	w.vault.know("bytes of a seal key", hex.EncodeToString(raw))
	return text
}

// addInventory prepares the account and returns the server's part of the configuration.
func (w *taintWorld) addInventory() (server string) {
	inv := &taintInventory{}
	w.inv = inv
	inv.sim = sim.New(sim.Options{Now: func() time.Time { return time.Now().Add(time.Duration(inv.ahead.Load())) }})
	w.t.Cleanup(func() { _ = inv.sim.Close() })
	inv.watched = &watched{next: inv.sim.Handler(), vault: &w.vault, out: &w.out, secrets: &keyring{}}
	inv.auth = w.serve(inv.watched)
	inv.sealFile, inv.sealKey = filepath.Join(w.t.TempDir(), "seal.key"), w.newSealKey()
	w.write(inv.sealFile, inv.sealKey+"\n")
	return fmt.Sprintf("seal_key: %q", "file:"+inv.sealFile)
}

func (w *taintWorld) inventoryTenant() string {
	return fmt.Sprintf("  - {id: turn, endpoints: {auth: %q, rest: %q, soap: %q}}\n", w.inv.auth, w.inv.auth, w.inv.auth+"Service.asmx")
}

const enterprise = keepwatch.MID(700000001)

// client registers a package with the account; its secret is a canary.
func (w *taintWorld) client(id string) (secret string) {
	secret = w.vault.secret("secret of "+id, false)
	w.inv.sim.AddClient(sim.ClientSpec{ClientID: "client-" + id, Secret: secret, MID: enterprise, EID: enterprise})
	w.inv.watched.secrets.add("client-"+id, secret)
	return secret
}

// wrong makes a secret that a client is going to be tried with in vain.
func (w *taintWorld) wrongSecret(id string) string {
	secret := w.vault.secret("wrong secret of "+id, true)
	w.inv.watched.secrets.add("client-"+id, secret)
	return secret
}

// addRecordsOfFiles writes the credentials of the account that a file defines.
func (w *taintWorld) addRecordsOfFiles() {
	packaged := func(id, more string) {
		fmt.Fprintf(&w.config, "  - {id: %s, tenant: turn, business_unit: %d, criticality: reporting, client_id: client-%s, secret: %q, %s}\n",
			id, enterprise, id, w.reference(w.client(id)), more)
	}
	packaged("turn-look", "discover: true, owner: {team: crm, contact: crm@example.com}")
	packaged("turn-file", fmt.Sprintf("secret_generated: %s, owner: {team: crm, contact: crm@example.com}, holders: [{name: mule, contact: mule@example.com}]", daysAgo(170)))
	for _, point := range []string{"mtls", "junk", "half", "hook"} {
		packaged("turn-"+point, fmt.Sprintf(`tests: ["https:%s"]`, point))
	}
	for _, surface := range []string{"token", "rest", "soap"} {
		id := "look-" + surface
		secret := w.vault.secret("secret of "+id, true)
		w.hostile.known.add(id+"-"+surface, secret)
		fmt.Fprintf(&w.config, "  - {id: %s, tenant: odd, business_unit: 510000999, criticality: reporting, client_id: %s-%s, discover: true, secret: %q}\n", id, id, surface, w.reference(secret))
	}
	for name, file := range w.keystores() {
		for _, right := range []bool{true, false} {
			password := file.password
			if !right {
				password = w.vault.secret("wrong password of "+name, true)
			}
			fmt.Fprintf(&w.config, "  - {id: store-%s-%t, tenant: turn, kind: certificate, owner: {team: crm, contact: crm@example.com}, certificate: {file: %q, password: %q}}\n",
				name, right, file.path, w.reference(password))
		}
	}
}

type keystoreFile struct{ path, password string }

// keystores are files with a key in them, and what opens them.
func (w *taintWorld) keystores() map[string]keystoreFile {
	pair := w.pair("keystore")
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	w.must(err)
	out := map[string]keystoreFile{}
	put := func(name, password string, content []byte) {
		path := filepath.Join(w.t.TempDir(), name)
		w.write(path, string(content))
		out[name] = keystoreFile{path, password}
	}
	password := w.vault.secret("password of p12", false)
	p12, err := pkcs12.Modern2023.Encode(pair.PrivateKey, leaf, nil, password)
	w.must(err)
	put("p12", password, p12)
	password = w.vault.secret("password of jks", false)
	store, key := keystore.New(), w.vault.secret("key in jks", false)
	w.must(store.SetPrivateKeyEntry("client", keystore.PrivateKeyEntry{
		CreationTime: time.Now(), PrivateKey: []byte(key), CertificateChain: []keystore.Certificate{{Type: "X.509", Content: leaf.Raw}},
	}, []byte(password)))
	var b bytes.Buffer
	w.must(store.Store(&b, []byte(password)))
	put("jks", password, b.Bytes())
	return out
}

// pair makes a certificate whose key is a canary. Of an Ed25519 key all of the
// seed is random, and it stands on one line of a PEM file.
func (w *taintWorld) pair(name string) tls.Certificate {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: time.Now().AddDate(0, 1, 0), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	w.must(err)
	w.vault.know("key of "+name, hex.EncodeToString(key.Seed()))
	w.vault.know("bytes of the key of "+name, string(key.Seed()))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (w *taintWorld) pem(pair tls.Certificate) (cert, key string) {
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	w.must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// addPoints writes the integration points: one that is shown the right key, one
// whose key is no key, one whose key belongs to another certificate, and one whose
// address holds a token and that repeats all that it is sent.
func (w *taintWorld) addPoints() {
	pair, other := w.pair("client"), w.pair("other client")
	cert, key := w.pem(pair)
	_, otherKey := w.pem(other)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/hook/") {
			return
		}
		rw.Header().Set("Location", r.URL.String())
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(rw, r.URL, r.Header, r.Host)
	}))
	own := w.pair("server")
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	w.t.Cleanup(server.Close)
	roots, _ := w.pem(own)
	secret := w.vault.secret("token in an address", false)
	w.env["TAINT_POINT"] = server.URL + "/hook/" + secret + "?token=" + secret
	w.t.Setenv("TAINT_POINT", w.env["TAINT_POINT"])
	fmt.Fprintf(&w.config, "integration_points:\n")
	for _, p := range []struct{ name, url, key string }{
		{"mtls", server.URL + "/", key}, {"junk", server.URL + "/", w.vault.secret("key that is none", true)}, {"half", server.URL + "/", otherKey}, {"hook", "${env:TAINT_POINT}", key},
	} {
		fmt.Fprintf(&w.config, "  - {name: %s, url: %q, client_certificate: %q, client_key: %q, roots: %q}\n", p.name, p.url, w.reference(cert), w.reference(p.key), w.reference(roots))
	}
}

func (w *taintWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func daysAgo(n int) string { return time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly) }

// send is a request with a JSON body.
func (w *taintWorld) send(method, path string, body any, header ...string) (int, []byte) {
	w.t.Helper()
	text, raw := body.(string)
	if !raw {
		b, err := json.Marshal(body)
		w.must(err)
		text = string(b)
	}
	status, answer, _ := w.ask(method, path, text, false, append([]string{"Content-Type", "application/json"}, header...)...)
	return status, answer
}

// expect is a request whose status is known.
func (w *taintWorld) expect(want int, method, path string, body any, header ...string) []byte {
	w.t.Helper()
	status, answer := w.send(method, path, body, header...)
	if status != want {
		w.t.Fatalf("%s %s: %d, not %d: %s", method, path, status, want, answer)
	}
	return answer
}

// refused is a request that has to fail by the asker's fault.
func (w *taintWorld) refused(method, path string, body any, header ...string) {
	w.t.Helper()
	if status, answer := w.send(method, path, body, header...); status < 400 || status > 499 {
		w.t.Errorf("%s %s: %d: %s", method, path, status, answer)
	}
}

type object = map[string]any

// record adds one through the API and seals a secret into it.
func (w *taintWorld) record(id, secret string) {
	w.t.Helper()
	w.expect(http.StatusCreated, "POST", "/api/v1/credentials", object{
		"id": id, "tenant": "turn", "kind": "server_to_server", "client_id": "client-" + id, "business_unit": int64(enterprise), "criticality": "reporting",
		"owner":   object{"team": "crm", "contact": "crm@example.com"},
		"holders": []object{{"name": "mule", "contact": "mule@example.com"}, {"name": "shop", "contact": "#shop"}},
	})
	w.expect(http.StatusOK, "PUT", "/api/v1/credentials/"+id+"/secret", object{"secret": secret, "generated": daysAgo(170)}, "If-Match", `"1"`)
}

// outcomes checks credentials on demand and compares.
func (w *taintWorld) outcomes(want map[string]keepwatch.Outcome) {
	w.t.Helper()
	for id, outcome := range want {
		var seen struct{ Outcome keepwatch.Outcome }
		_, answer := w.send("POST", "/api/v1/credentials/"+id+"/check", "")
		_ = json.Unmarshal(answer, &seen)
		if seen.Outcome != outcome {
			w.t.Errorf("%s: %q, not %q: %s", id, seen.Outcome, outcome, answer)
		}
	}
}

// sealedRecords hands secrets over, rightly and in every wrong way, and tests with them.
func (w *taintWorld) sealedRecords() {
	w.record("sealed-right", w.client("sealed-right"))
	w.client("sealed-wrong")
	w.record("sealed-wrong", w.wrongSecret("sealed-wrong"))
	w.record("sealed-gone", w.client("sealed-gone"))
	w.outcomes(map[string]keepwatch.Outcome{"sealed-right": keepwatch.OK, "sealed-wrong": keepwatch.BadSecretOrPackage, "sealed-gone": keepwatch.OK})
	w.send("DELETE", "/api/v1/credentials/sealed-gone", "", "If-Match", `"2"`)

	secret := func(name string) string { return w.vault.secret(name, false) }
	at := "/api/v1/credentials/sealed-right/secret"
	w.refused("PUT", at, object{"secret": secret("a secret without a version")})
	w.refused("PUT", at, object{"secret": secret("a secret of a stale version")}, "If-Match", `"1"`)
	w.refused("PUT", at, object{"secret": secret("a secret with a bad version")}, "If-Match", secret("a secret as a version"))
	w.refused("PUT", at, object{"secret": "x", "generated": secret("a secret as a date")}, "If-Match", `"2"`)
	w.refused("PUT", at, object{"secret": strings.Repeat(secret("a secret that is too long"), 400)}, "If-Match", `"2"`)
	w.refused("PUT", at, object{"secret": []string{secret("a secret in a list")}}, "If-Match", `"2"`)
	w.refused("PUT", at, object{"secret": "x", secret("a secret as a key"): 1, "password": secret("a secret under another key")}, "If-Match", `"2"`)
	w.refused("PUT", at, `{"secret": "`+secret("a secret in broken JSON"), "If-Match", `"2"`)
	w.refused("PUT", at, secret("a secret alone"), "If-Match", `"2"`)
	w.refused("PUT", "/api/v1/credentials/nobody/secret", object{"secret": secret("a secret for nobody")}, "If-Match", `"1"`)
	w.refused("PUT", "/api/v1/credentials/turn-file/secret", object{"secret": secret("a secret for a file's record")}, "If-Match", `"1"`)
	for _, key := range []string{"secret", "secret_generated", "expires", "last_used", "valid_for", "idle_for", "dates_confirmed", "kind", "criticality", "runbook_url"} {
		w.refused("POST", "/api/v1/credentials", record(key, secret("a secret in "+key)))
	}
	w.refused("POST", "/api/v1/credentials", record("business_unit", secret("a secret as a number")))
	w.refused("POST", "/api/v1/credentials", record("certificate", object{"endpoint": "example.com:443", "password": secret("a literal keystore password")}))
	w.refused("POST", "/api/v1/credentials", record("tests", []string{secret("a secret as a test")}))
	w.refused("POST", "/api/v1/credentials", record("expiry_ladder", []string{secret("a secret as a rung")}))
	w.refused("POST", "/api/v1/credentials", record("client_secret", secret("a secret under mcdev's key")))
}

// record is a body with one field that is not as it should be.
func record(key string, value any) object {
	o := object{"id": "odd-record", "tenant": "turn", "kind": "server_to_server", "client_id": "x"}
	o[key] = value
	return o
}

// looks has the certificates read and the points asked.
func (w *taintWorld) looks() {
	w.outcomes(map[string]keepwatch.Outcome{"turn-mtls": keepwatch.OK})
	for _, id := range []string{"turn-junk", "turn-half", "turn-hook"} {
		_, answer := w.send("POST", "/api/v1/credentials/"+id+"/check", "")
		var seen struct{ Outcome keepwatch.Outcome }
		if json.Unmarshal(answer, &seen) != nil || seen.Outcome == keepwatch.OK {
			w.t.Errorf("%s: %s", id, answer)
		}
	}
	stores := []keepwatch.CredentialID{"store-p12-true", "store-p12-false", "store-jks-true", "store-jks-false"}
	for _, id := range stores {
		w.must(w.db.Plan(w.t.Context(), incident.Plan{Check: keepwatch.CheckOf(keepwatch.CheckExpiry, id), At: time.Now(), Reason: keepwatch.ReasonChanged}))
	}
	w.wait("the keystores to be opened, or not", func() bool {
		all, err := w.db.Series(w.t.Context())
		w.must(err)
		said := map[keepwatch.CredentialID]string{}
		for _, s := range all {
			said[s.Credential] += s.Last.Message
		}
		return !slices.ContainsFunc(stores, func(id keepwatch.CredentialID) bool {
			return said[id] == "" || strings.Contains(said[id], "password does not open") == strings.HasSuffix(string(id), "true")
		})
	})
}

// discover looks at the account of the simulator, and at the hostile server's until
// it gave each kind of answer to each kind of question.
func (w *taintWorld) discover() {
	w.expect(http.StatusOK, "POST", "/api/v1/discover/turn", "")
	w.refused("POST", "/api/v1/discover/t0", "")
	w.refused("POST", "/api/v1/discover/nothing", "")
	w.hostile.mixed.Store(true)
	for range len(answers) {
		w.send("POST", "/api/v1/discover/odd", "")
	}
	for _, surface := range []string{"token", "rest", "soap"} {
		check := keepwatch.CheckOf(keepwatch.CheckDiscovery, keepwatch.CredentialID("look-"+surface))
		before := w.hostile.count(surface)
		for range 4 * len(answers) {
			if w.hostile.count(surface) >= before+len(answers) {
				break
			}
			planned := time.Now().Truncate(time.Millisecond)
			w.must(w.db.Plan(w.t.Context(), incident.Plan{Check: check, At: planned, Reason: keepwatch.ReasonChanged}))
			w.wait("a look at the account", func() bool {
				s, err := w.db.SeriesByID(w.t.Context(), keepwatch.SeriesOf(check, ""))
				return err == nil && s.LastAt.After(planned)
			})
		}
		if n := w.hostile.count(surface) - before; n < len(answers) {
			w.t.Errorf("the hostile server answered %d requests of discovery for %s", n, surface)
		}
	}
}

// startAgain stops the daemon and starts it with a new seal key before the old one.
func (w *taintWorld) startAgain() {
	w.end()
	for _, bad := range []string{w.vault.secret("a seal key that is none", false), w.vault.secret("a strange seal key", true), w.inv.sealKey + "\n" + w.inv.sealKey} {
		w.write(w.inv.sealFile, bad)
		_, err := app.New(w.t.Context(), app.Options{Load: func() (*config.Config, error) { return config.Load(w.path, w.lookup) }, LookupEnv: w.lookup, Logger: w.log, Store: w.db})
		if err == nil {
			w.t.Fatal("a daemon started with a seal key that is none")
		}
		w.out.add("commands", err.Error(), keepwatch.HintOf(err))
	}
	w.write(w.inv.sealFile, w.newSealKey()+"\n"+w.inv.sealKey+"\n")
	w.run()
	w.outcomes(map[string]keepwatch.Outcome{"sealed-right": keepwatch.OK, "sealed-wrong": keepwatch.BadSecretOrPackage})
	if !w.said("log", "sealed secrets moved to the newest key") {
		w.t.Error("nothing was sealed anew")
	}
	w.write(w.inv.sealFile, w.newSealKey()+"\n") // both lost
	w.end()
	w.run()
	w.outcomes(map[string]keepwatch.Outcome{"sealed-right": keepwatch.MonitorFault})
}

// digests has the week's letters written.
func (w *taintWorld) digests() {
	now := time.Now()
	monday := keepwatch.DayOf(now.AddDate(0, 0, -(int(now.Weekday())+6)%7), time.UTC)
	w.must(w.daemon.WriteDigests(w.t.Context(), monday, now))
	w.wait("the digest", func() bool {
		return w.said("message to mail", "Subject: Credentials ")
	})
}

// readRecords asks for what the inventory knows, and returns the records' ids.
func (w *taintWorld) readRecords() (ids []string) {
	get := func(path string) []byte { _, b, _ := w.ask("GET", path, "", false); return b }
	ids = idsIn(get("/api/v1/credentials?tenant=turn&limit=200"))
	for _, id := range ids {
		get("/api/v1/credentials/" + id + "/record")
		get("/api/v1/credentials/" + id + "/changes?limit=200")
	}
	for _, id := range idsIn(get("/api/v1/rotations?status=all&limit=200")) {
		get("/api/v1/rotations/" + id)
	}
	return ids
}

// readAgain asks a daemon that cannot open what is sealed.
func (w *taintWorld) readAgain() {
	for _, id := range w.readRecords() {
		w.ask("GET", "/credentials/"+id, "", false)
		w.ask("GET", "/api/v1/credentials/"+id, "", false)
	}
	for _, path := range []string{"/", "/expiring", "/metrics", "/api/v1/export?format=yaml", "/api/v1/findings?status=all"} {
		w.ask("GET", path, "", false)
	}
}

// unzipped adds what stands in an XLSX, whose parts are deflated.
func (w *taintWorld) unzipped(way string, file []byte) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	w.must(err)
	for _, f := range z.File {
		r, err := f.Open()
		w.must(err)
		b, err := io.ReadAll(r)
		w.must(errors.Join(err, r.Close()))
		w.out.add(way, f.Name, string(b))
	}
}

// withInput runs something with a text on standard input.
func (w *taintWorld) withInput(text string, do func()) {
	path := filepath.Join(w.t.TempDir(), "stdin")
	w.write(path, text)
	f, err := os.Open(path)
	w.must(err)
	before := os.Stdin
	os.Stdin = f
	defer func() { os.Stdin = before; _ = f.Close() }()
	do()
}
