package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
)

// JSONTemplate is a JSON document whose strings are templates over a [Message].
// The document is read before anything is filled in: whatever a name holds, it
// stays inside the string that asked for it. Templates of the text of a document
// were rejected for that reason.
type JSONTemplate struct{ root any }

const (
	maxTemplate = 64 << 10
	maxFilled   = 64 << 10 // of one string
)

var templateFunctions = template.FuncMap{
	"upper": strings.ToUpper,
	"lower": strings.ToLower,
	"cut":   func(limit int, s string) string { return CutRunes(s, max(limit, 1)) },
}

// ParseJSONTemplate reads a template and tries it on an empty message, so that a
// name that no message has is found now and not in the night it is needed.
func ParseJSONTemplate(text string) (*JSONTemplate, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("the template has more than %d bytes", maxTemplate)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("the template is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the template has more than one JSON value")
	}
	compiled, err := compile(root, "template")
	if err != nil {
		return nil, err
	}
	t := &JSONTemplate{compiled}
	_, err = t.Render(Message{})
	return t, err
}

// compile puts a parsed template in the place of each string.
func compile(v any, where string) (any, error) {
	switch v := v.(type) {
	case string:
		t, err := template.New(where).Option("missingkey=zero").Funcs(templateFunctions).Parse(v)
		return t, err
	case map[string]any:
		for name, item := range v {
			c, err := compile(item, where+"."+name)
			if err != nil {
				return nil, err
			}
			v[name] = c
		}
	case []any:
		for i, item := range v {
			c, err := compile(item, fmt.Sprintf("%s[%d]", where, i))
			if err != nil {
				return nil, err
			}
			v[i] = c
		}
	}
	return v, nil
}

// Render fills a message in.
func (t *JSONTemplate) Render(m Message) ([]byte, error) {
	filled, err := t.Fill(m)
	if err != nil {
		return nil, err
	}
	return JSON(filled)
}

// Fill is the document as a value, for a channel that adds to it.
func (t *JSONTemplate) Fill(m Message) (any, error) { return fill(t.root, m) }

func fill(v any, m Message) (any, error) {
	switch v := v.(type) {
	case *template.Template:
		var b limited
		if err := v.Execute(&b, m); err != nil {
			return nil, Permanent(fmt.Errorf("the template cannot be filled in: %w", err))
		}
		return b.String(), nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			f, err := fill(item, m)
			if err != nil {
				return nil, err
			}
			out[name] = f
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			f, err := fill(item, m)
			if err != nil {
				return nil, err
			}
			out[i] = f
		}
		return out, nil
	}
	return v, nil
}

// limited ends a template that does not end by itself.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxFilled {
		return 0, fmt.Errorf("it makes more than %d bytes", maxFilled)
	}
	return l.Buffer.Write(p)
}
