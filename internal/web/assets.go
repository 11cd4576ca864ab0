package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed static
var staticFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// assets serves the files of static/. Their addresses carry a checksum, so that a
// browser may keep them for ever and still never shows yesterday's style.
type assets struct {
	files map[string][]byte
	sums  map[string]string
}

func newAssets() *assets {
	a := &assets{files: map[string][]byte{}, sums: map[string]string{}}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // embedded at build time: it is there or nothing is
	}
	for _, e := range entries {
		b, err := staticFiles.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		a.files[e.Name()], a.sums[e.Name()] = b, hex.EncodeToString(sum[:6])
	}
	return a
}

func (a *assets) path(name string) string { return "/static/" + name + "?v=" + a.sums[name] }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	b, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Get("v") == a.sums[name] {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
