package keepwatch_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"keepwatch"
)

const canary = "c4n4ry-s3cr3t-value"

// TestSecretIsNeverShown tries every way in which a value usually gets into a
// text, as a value, a pointer, a field (also an unexported one) and a map key.
func TestSecretIsNeverShown(t *testing.T) {
	s := keepwatch.NewSecret([]byte(canary))
	holder := struct {
		Open   keepwatch.Secret
		hidden keepwatch.Secret
		list   []keepwatch.Secret
	}{s, s, []keepwatch.Secret{s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%08b", "%p", "%10.3f", "%c", "%U"} {
		for _, v := range []any{s, &s, holder, &holder, []any{s}, map[string]any{"k": s}, fmt.Errorf("with %v", s)} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	fmt.Fprintln(&out, s, holder, s.String(), s.GoString())
	for _, v := range []any{s, holder, map[string]keepwatch.Secret{"k": s}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	if b, err := xml.Marshal(struct{ S keepwatch.Secret }{s}); err == nil {
		out.Write(b)
	}
	logger := slog.New(slog.NewTextHandler(&out, nil))
	logger.Info("text", "secret", s, "holder", holder, slog.Group("g", "s", s))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "secret", s, "holder", holder)
	text := out.String()
	for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))), "99 52 110 52", strings.Trim(fmt.Sprintf("%b", []byte(canary)[:3]), "[]")} {
		if strings.Contains(text, form) {
			t.Errorf("the secret shows as %q", form)
		}
	}
	if !strings.Contains(text, "[secret]") {
		t.Error("nothing was printed at all")
	}
}

func TestSecretReveals(t *testing.T) {
	if s := keepwatch.NewSecret([]byte(canary)); !bytes.Equal(s.Reveal(), []byte(canary)) || s.Empty() {
		t.Error("the secret is lost")
	}
	var none keepwatch.Secret
	if none.Reveal() != nil || !none.Empty() || none.String() != "[secret]" {
		t.Error("the zero secret")
	}
}
