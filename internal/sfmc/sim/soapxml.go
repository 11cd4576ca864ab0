package sim

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Limits of what is read of a SOAP request: a request of a monitor or an SDK is
// a few kilobytes and a dozen levels deep.
const (
	maxDepth    = 64
	maxElements = 20_000
)

// element is a node of a request, names without their namespace: clients use
// every prefix there is, and one sends fueloauth without a namespace at all.
type element struct {
	name     string
	space    string
	text     []byte
	kind     string // xsi:type without its prefix
	children []*element
}

func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (e *element) at(path ...string) *element {
	for _, name := range path {
		e = e.child(name)
	}
	return e
}

func (e *element) value() string {
	if e == nil {
		return ""
	}
	return string(bytes.TrimSpace(e.text))
}

func (e *element) all(name string) []string {
	if e == nil {
		return nil
	}
	var out []string
	for _, c := range e.children {
		if strings.EqualFold(c.name, name) {
			out = append(out, c.value())
		}
	}
	return out
}

var errTooLarge = errors.New("too deep or too many elements")

// readXML reads a document into a tree within the limits.
func readXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = true
	root := &element{}
	stack, count := []*element{root}, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, errTooLarge
			}
			e := &element{name: t.Name.Local, space: t.Name.Space, kind: xsiType(t.Attr)}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 1 {
				top.text = append(top.text, t...)
			}
		case xml.Directive:
			return nil, errors.New("a document type is not accepted")
		}
	}
	if len(root.children) != 1 {
		return nil, errors.New("not one root element")
	}
	return root.children[0], nil
}

func xsiType(attrs []xml.Attr) string {
	for _, a := range attrs {
		if a.Name.Local == "type" {
			return a.Value[strings.LastIndexByte(a.Value, ':')+1:]
		}
	}
	return ""
}

// soapEnvelope is a request in parts. Header and Body may come in either order.
type soapEnvelope struct {
	soap12   bool
	token    string
	username string
	password string
	login    bool     // UsernameToken of a user, not the "*" that goes with oAuth
	message  *element // first child of Body
}

func readEnvelope(body []byte) *soapEnvelope {
	root, err := readXML(body)
	if err != nil || root.name != "Envelope" {
		return nil
	}
	content := root.child("Body")
	if content == nil || len(content.children) == 0 {
		return nil
	}
	e := &soapEnvelope{soap12: root.space == nsEnvelope12, message: content.children[0]}
	header := root.child("Header")
	e.token = header.child("fueloauth").value()
	if legacy := header.at("oAuth", "oAuthToken").value(); e.token == "" {
		e.token = legacy
	}
	user := header.at("Security", "UsernameToken")
	e.username, e.password = user.child("Username").value(), user.child("Password").value()
	e.login = e.token == "" && user != nil
	return e
}
