package scan

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

const (
	maxScripts = 30  // of a page that are read
	maxParts   = 500 // resources of a page that are looked at
)

// document is what a page loads and runs.
type document struct {
	scripts []script
	insecure
	left int // scripts beyond what is read
}

// insecure are the resources that a page asks for over http.
type insecure struct {
	active  []string // scripts, styles, frames: browsers block them
	passive []string // pictures, sound
}

// script is one script of a page: where it stands, or its text.
type script struct {
	src  string // "" stands in the page itself
	text string
	line int // of the page on which it begins
}

// readHTML takes the scripts and the addresses of what is loaded out of a page. It
// reads tokens, not a tree: a page that nests for ever costs no memory.
func readHTML(raw []byte, base *url.URL) document {
	var d document
	z := html.NewTokenizer(bytes.NewReader(raw))
	z.SetMaxBuf(len(raw) + 1)
	line, parts := 1, 0
	for {
		kind := z.Next()
		at := line
		line += bytes.Count(z.Raw(), []byte{'\n'})
		if kind == html.ErrorToken {
			return d
		}
		if (kind != html.StartTagToken && kind != html.SelfClosingTagToken) || parts >= maxParts {
			continue
		}
		name, more := z.TagName()
		tag := string(name)
		switch tag {
		case "base", "script", "link", "iframe", "frame", "embed", "object", "img", "audio", "video", "source", "input":
		default:
			continue
		}
		attributes := map[string]string{}
		for more && len(attributes) < 40 {
			var key, value []byte
			key, value, more = z.TagAttr()
			if _, twice := attributes[string(key)]; !twice {
				attributes[string(key)] = string(value)
			}
		}
		parts++
		if tag == "base" {
			if u, err := base.Parse(strings.TrimSpace(attributes["href"])); err == nil && u.Host != "" {
				base = u
			}
			continue
		}
		d.load(tag, attributes, base)
		if tag == "script" {
			src := resolved(base, attributes["src"])
			if src == "" && kind == html.StartTagToken && z.Next() == html.TextToken {
				text := string(z.Raw())
				d.addScript(script{text: text, line: line})
				line += strings.Count(text, "\n")
			} else if src != "" {
				d.addScript(script{src: src, line: at})
			}
		}
	}
}

func (d *document) addScript(s script) {
	if len(d.scripts) >= maxScripts {
		d.left++
		return
	}
	d.scripts = append(d.scripts, s)
}

// load notes what is asked for in the open.
func (d *document) load(tag string, attributes map[string]string, base *url.URL) {
	active := true
	address := attributes["src"]
	switch tag {
	case "link":
		rel := " " + strings.ToLower(attributes["rel"]) + " "
		if !strings.Contains(rel, " stylesheet ") && !strings.Contains(rel, " preload ") && !strings.Contains(rel, " modulepreload ") {
			return
		}
		address = attributes["href"]
	case "object":
		address = attributes["data"]
	case "img", "audio", "video", "source", "input":
		active = false
	}
	full := resolved(base, address)
	if !strings.HasPrefix(full, "http:") {
		return
	}
	u, err := url.Parse(full)
	if err != nil {
		return
	}
	if active {
		d.active = append(d.active, shown(u))
	} else {
		d.passive = append(d.passive, shown(u))
	}
}

// resolved is the whole address of what an attribute names; "" for what is none of
// the web.
func resolved(base *url.URL, address string) string {
	address = strings.TrimSpace(address)
	if address == "" || len(address) > 4000 {
		return ""
	}
	u, err := base.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
