package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim"
)

const (
	testMID    = 510000123
	testID     = "id-of-the-client-00000001"
	testSecret = "secret-of-the-client-001"
	testREST   = "rest:/messaging/v1/email/definitions?$pageSize=1"
)

// rig is a simulator of its own and a configuration that names one credential of
// it, "crm-sync" of the tenant "emea".
type rig struct {
	t      *testing.T
	sim    *sim.Sim
	busy   *sync.WaitGroup // of the simulator's answers
	config string
}

// credentialLines are what a kind has beside id, tenant, unit and secret.
func credentialLines(kind keepwatch.Kind) string {
	if kind == keepwatch.APIUser {
		return "    kind: api_user\n    username: " + testID + "\n    tests: [identity, \"soap:GetSystemStatus\"]\n"
	}
	tests := `[identity, "` + testREST + `", "soap:GetSystemStatus", "soap:DataFolder"]`
	return "    kind: " + string(kind) + "\n    client_id: " + testID + "\n    tests: " + tests + "\n"
}

func newRig(t *testing.T, kind keepwatch.Kind, more ...string) *rig {
	t.Helper()
	s := sim.New(sim.Options{
		Settings: sim.Settings{Strict: true},
		Clients:  []sim.ClientSpec{{ClientID: testID, Secret: testSecret, MID: testMID, EID: 510000100, Kind: kind}},
	})
	busy := new(sync.WaitGroup)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		busy.Add(1)
		defer busy.Done()
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { _ = s.Close(); server.Close() })
	r := &rig{t: t, sim: s, busy: busy, config: filepath.Join(t.TempDir(), "keepwatch.yaml")}
	r.write(server.URL, kind, more...)
	return r
}

func (r *rig) write(base string, kind keepwatch.Kind, more ...string) {
	r.t.Helper()
	secret := filepath.Join(filepath.Dir(r.config), "crm.secret")
	text := fmt.Sprintf(`version: 1
tenants:
  - id: emea
    endpoints: {auth: "%[1]s/", rest: "%[1]s/", soap: "%[1]s/Service.asmx"}
    business_units: [{mid: %[2]d, name: Germany}]
credentials:
  - id: crm-sync
    tenant: emea
    business_unit: %[2]d
    secret: file:%[3]s
%[4]s%[5]s`, base, testMID, secret, credentialLines(kind), strings.Join(more, ""))
	for path, content := range map[string]string{secret: testSecret, r.config: text} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// tokenRequests ends the simulator and counts: it counts an answer once it is
// over, which for a body that is cut off is after check has returned.
func (r *rig) tokenRequests() int64 {
	_ = r.sim.Close()
	r.busy.Wait()
	return r.sim.TokenRequests(testID)
}

// inject puts a fault in force.
func (r *rig) inject(name, variant, on string) {
	r.t.Helper()
	if _, err := r.sim.Inject(sim.Fault{Name: name, Variant: variant, On: on}); err != nil {
		r.t.Fatalf("inject %s/%s on %q: %v", name, variant, on, err)
	}
}

// checked runs `check --output json` and reads its answer: the shape that
// scripts rely on, so it is declared here once more and unknown keys fail.
type checked struct {
	SchemaVersion int `json:"schema_version"`
	Credentials   []struct {
		ID           string    `json:"id"`
		Tenant       string    `json:"tenant"`
		BusinessUnit int64     `json:"business_unit"`
		State        string    `json:"state"`
		Outcome      string    `json:"outcome"`
		Category     string    `json:"category"`
		Message      string    `json:"message"`
		Hint         string    `json:"hint"`
		CheckedAt    time.Time `json:"checked_at"`
		Findings     []string  `json:"findings"`
		Steps        []struct {
			Name       string  `json:"name"`
			Outcome    string  `json:"outcome"`
			HTTPStatus int     `json:"http_status"`
			DurationMS float64 `json:"duration_ms"`
			Evidence   string  `json:"evidence"`
			Shared     bool    `json:"shared"`
		} `json:"steps"`
	} `json:"credentials"`
}

func (r *rig) check(args ...string) (code int, got checked, stdout, stderr string) {
	r.t.Helper()
	var out, messages bytes.Buffer
	code = Main(append([]string{"check", "-c", r.config, "--output", "json"}, args...), &out, &messages)
	return code, readChecked(r.t, out.Bytes(), messages.String()), out.String(), messages.String()
}

func readChecked(t *testing.T, stdout []byte, stderr string) (got checked) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("stdout is not the promised document: %v\n%s\n%s", err, stdout, stderr)
	}
	if got.SchemaVersion != 1 || len(got.Credentials) != 1 {
		t.Fatalf("schema_version %d, %d credentials; want 1 and 1\n%s", got.SchemaVersion, len(got.Credentials), stdout)
	}
	return got
}
