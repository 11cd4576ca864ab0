package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
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
	for _, name := range glob("static/*.*") {
		a.add(path.Base(name), read(name))
	}
	a.add("app.css", joined("static/css/*.css"))
	a.add("app.js", joined("static/js/*.js"))
	return a
}

// joined is one file of several, in the order of their names: one part of the style
// or of the script stands in one file, and a page still needs one request.
func joined(pattern string) []byte {
	var all bytes.Buffer
	for _, name := range glob(pattern) {
		all.Write(read(name))
	}
	return all.Bytes()
}

// What is embedded at build time is there, or nothing is.
func glob(pattern string) []string {
	names, err := fs.Glob(staticFiles, pattern)
	if err != nil || len(names) == 0 {
		panic("no files " + pattern)
	}
	return names
}

func read(name string) []byte {
	b, err := staticFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

func (a *assets) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	a.files[name], a.sums[name] = content, hex.EncodeToString(sum[:6])
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
