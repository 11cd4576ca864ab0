package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/gateway"
)

type nobody struct{}

func (nobody) Saw(keepwatch.Call) {}

// The doctor tells a gateway from another server, and says whose address SFMC sees.
func TestDoctorLooksAtTheGateway(t *testing.T) {
	client := egress.New(egress.Policy{})
	defer client.CloseIdle()
	g, err := gateway.New(gateway.Options{Egress: client, Witness: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	change, err := g.Prepare(t.Context(), gateway.Setup{Config: gateway.Config{Listeners: []gateway.Listener{{Name: "one", Listen: "127.0.0.1:0"}}}})
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	g.Start()
	defer func() { _ = g.Stop(context.Background()) }()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for base, want := range map[string]string{
		"http://" + g.Addresses()["one"]: "is a gateway", other.URL: "is no gateway", "http://127.0.0.1:1": "refused",
	} {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		text := fmt.Sprintf("version: 1\ngateway: {base_url: %q, listeners: [{name: one, listen: \"127.0.0.1:8486\"}]}\n", base)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path, os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		found := lookAtGateway(t.Context(), client, cfg)
		if len(found) != 2 || !strings.Contains(found[0].Message, want) || found[0].OK != (want == "is a gateway") || !strings.Contains(found[1].Message, "not the holder's") {
			t.Errorf("%s: %+v", base, found)
		}
	}
}
