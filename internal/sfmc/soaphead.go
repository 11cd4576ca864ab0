package sfmc

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
)

// SOAPAsk is what somebody's SOAP request says of who asks and for what. The secrets
// are the reader's own copies: Wipe them.
type SOAPAsk struct {
	Method   string // "Retrieve"; "" where it was not seen, or is none of SFMC's
	Token    []byte // fueloauth, or the legacy token
	Username string
	Password []byte
}

// Wipe overwrites the secrets.
func (a *SOAPAsk) Wipe() {
	clear(a.Token)
	clear(a.Password)
}

// Login reports whether the request logs in with a user's password.
func (a *SOAPAsk) Login() bool { return a.Username != "" && a.Username != "*" && len(a.Token) == 0 }

// ReadSOAPAsk reads the beginning of an envelope, and its end where that was kept
// apart: one client writes the header behind the body. action is the SOAPAction
// header. It never fails: what cannot be read is not known.
func ReadSOAPAsk(action string, beginning, end []byte) SOAPAsk {
	a := SOAPAsk{Method: soapMethod(action)}
	a.read(beginning, nil)
	if len(a.Token) == 0 && a.Username == "" {
		if at := headerIn(end); at >= 0 {
			a.read(end[at:], []string{"Envelope"})
		}
	}
	return a
}

// headerIn finds where the last Header element of a piece of an envelope opens.
func headerIn(piece []byte) int {
	at := bytes.LastIndex(piece, []byte("Header"))
	for ; at > 0; at = bytes.LastIndex(piece[:at], []byte("Header")) {
		open := bytes.LastIndexByte(piece[:at], '<')
		if open >= 0 && !bytes.ContainsAny(piece[open:at], "/> \t\r\n") {
			return open
		}
	}
	return -1
}

// read walks tokens until something cannot be read. Entities beyond XML's own are
// refused by the decoder, so nothing expands.
func (a *SOAPAsk) read(piece []byte, path []string) {
	d := xml.NewDecoder(bytes.NewReader(trimBOM(bytes.TrimSpace(piece))))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errEncoding }
	for {
		t, err := d.RawToken()
		if err != nil {
			return
		}
		switch t := t.(type) {
		case xml.Directive:
			return
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > maxDepth {
				return
			}
			if len(path) == 3 && path[0] == "Envelope" && path[1] == "Body" && a.Method == "" {
				a.Method = soapMethod(t.Name.Local)
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != t.Name.Local {
				return
			}
			path = path[:len(path)-1]
		case xml.CharData:
			a.take(path, bytes.TrimSpace(t))
		}
	}
}

// take keeps what stands in the header. RawToken hands out its own buffer: the value
// is copied.
func (a *SOAPAsk) take(path []string, value []byte) {
	if len(value) == 0 || len(value) > maxToken || len(path) < 3 || path[0] != "Envelope" || path[1] != "Header" {
		return
	}
	switch strings.Join(path[2:], "/") {
	case "fueloauth", "oAuth/oAuthToken":
		a.Token = bytes.Clone(value)
	case "Security/UsernameToken/Username":
		a.Username = keepShort(string(value))
	case "Security/UsernameToken/Password":
		a.Password = bytes.Clone(value)
	}
}
