package sfmc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

var (
	errMissing  = errors.New("promised fields are missing")
	errEncoding = errors.New("not UTF-8")
	errXML      = errors.New("not a SOAP envelope")
)

// maxDepth is deeper than any SFMC answer nests.
const maxDepth = 64

// shapeOf names a parse error as a row of the wire causes.
func shapeOf(err error) string {
	switch {
	case errors.Is(err, errDuplicate):
		return "duplicate_keys"
	case errors.Is(err, errMissing):
		return "missing_fields"
	case errors.Is(err, errEncoding):
		return "wrong_encoding"
	}
	return "malformed_body"
}

// envelope is what a SOAP answer says.
type envelope struct {
	response  string // local name of the first element of the body
	faultCode string // "Security", without prefix
	faultText string
	apiCode   string // apifault
	apiText   string

	overall   string
	overallOn bool
	requestID string
	system    string              // SystemStatus
	results   []map[string]string // children of each Results and theirs, as Name and Parent.Name; columns of a row as Properties.Property.name
}

// parseEnvelope reads tokens instead of unmarshalling: prefixes, order of header
// and body, and namespaces differ between stacks, local names do not. Entities
// beyond XML's own five are refused by the decoder, so nothing expands.
func parseEnvelope(body []byte) (envelope, error) {
	var e envelope
	d := xml.NewDecoder(bytes.NewReader(trimBOM(bytes.TrimSpace(body))))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errEncoding }
	w := walker{e: &e}
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return e, w.finish()
		case errors.Is(err, errEncoding):
			return e, errEncoding
		case err != nil:
			return e, errXML
		}
		if err := w.token(t); err != nil {
			return e, err
		}
	}
}

type walker struct {
	e      *envelope
	path   []string
	chars  strings.Builder
	bodies int
	row    map[string]string
	column string // of the property that is being read
	faults int
}

func (w *walker) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.Directive:
		return errXML // a DOCTYPE has no place in SOAP
	case xml.StartElement:
		w.path = append(w.path, t.Name.Local)
		w.chars.Reset()
		return w.open()
	case xml.CharData:
		w.chars.Write(t)
	case xml.EndElement:
		err := w.closing(strings.TrimSpace(w.chars.String()))
		w.path = w.path[:len(w.path)-1]
		w.chars.Reset()
		return err
	}
	return nil
}

func (w *walker) open() error {
	switch depth := len(w.path); {
	case depth > maxDepth, depth == 1 && w.path[0] != "Envelope":
		return errXML
	case depth == 2 && w.path[1] == "Body":
		if w.bodies++; w.bodies > 1 {
			return errDuplicate
		}
	case depth == 3 && w.path[1] == "Body":
		if w.e.response != "" {
			return errDuplicate
		}
		w.e.response = w.path[2]
	case depth == 4 && w.path[3] == "Results":
		w.row = map[string]string{}
	}
	return nil
}

func (w *walker) closing(value string) error {
	if len(w.path) < 3 || w.path[1] != "Body" {
		return nil
	}
	name := w.path[len(w.path)-1]
	if w.path[2] == "Fault" {
		return w.fault(name, value)
	}
	switch {
	case len(w.path) == 4 && name == "OverallStatus":
		if w.e.overallOn {
			return errDuplicate
		}
		w.e.overall, w.e.overallOn = value, true
	case len(w.path) == 4 && name == "RequestID":
		w.e.requestID = value
	case len(w.path) == 4 && name == "Results":
		w.e.results = append(w.e.results, w.row)
		w.row = nil
	case name == "SystemStatus":
		w.e.system = value
	case len(w.path) == 5 && w.row != nil:
		w.row[name] = value
	case len(w.path) == 6 && w.row != nil:
		w.row[w.path[4]+"."+name] = value
	case len(w.path) == 7 && w.row != nil && w.path[5] == "Property":
		w.property(name, value)
	}
	return nil
}

// property reads the columns of a row of a data extension: pairs of Name and Value.
func (w *walker) property(name, value string) {
	switch name {
	case "Name":
		w.column = strings.ToLower(value)
	case "Value":
		w.row[w.path[4]+".Property."+w.column] = value
	}
}

// fault reads SOAP 1.1 (faultcode, faultstring) and 1.2 (Code/Value, Reason/Text).
func (w *walker) fault(name, value string) error {
	under := ""
	if len(w.path) > 4 {
		under = w.path[len(w.path)-2]
	}
	switch {
	case name == "faultcode" || (name == "Value" && under == "Code"):
		if w.faults++; w.faults > 1 {
			return errDuplicate
		}
		w.e.faultCode = afterColon(value)
	case name == "faultstring" || (name == "Text" && under == "Reason"):
		w.e.faultText = value
	case under == "apifault" && name == "Code":
		w.e.apiCode = value
	case under == "apifault" && name == "Message":
		w.e.apiText = value
	}
	return nil
}

func (w *walker) finish() error {
	if w.bodies == 0 || len(w.path) != 0 {
		return errXML
	}
	if w.e.response == "Fault" && w.e.faultCode == "" && w.e.faultText == "" {
		return errMissing
	}
	return nil
}

func afterColon(s string) string { return s[strings.LastIndexByte(s, ':')+1:] }

// failure turns faults, error statuses and GetSystemStatus answers into one form.
func (e envelope) failure(status int) failure {
	f := failure{status: status, parsed: true}
	switch {
	case e.response == "Fault":
		f.oauth, f.text, f.code = faultClass(e.faultCode), e.faultText, e.apiCode
		if f.text == "" {
			f.text = e.apiText
		}
	case e.system != "" && !strings.EqualFold(e.system, "OK"):
		f.oauth = "SystemStatus:" + e.system
	default:
		f.oauth, f.text = "OverallStatus", e.overall
	}
	return f
}

// faultClass folds SOAP 1.2 names and sub-codes ("Client.Authentication").
func faultClass(code string) string {
	switch head, _, _ := strings.Cut(code, "."); head {
	case "Sender", "Client", "MustUnderstand":
		return "Client"
	case "Receiver", "Server":
		return "Server"
	case "Security", "FailedAuthentication", "InvalidSecurityToken":
		return "Security"
	}
	return code
}

// parseSOAP reads an answer with a good status. Errors hide in it: faults, an
// OverallStatus of "Error: …", a system status that is not OK.
func parseSOAP(r Reply) (envelope, Verdict) {
	if shape := r.badShape(); shape != "" {
		return envelope{}, r.wire(shape, r.mediaType())
	}
	e, err := parseEnvelope(r.Body)
	switch {
	case err != nil:
		return e, r.wire(shapeOf(err), err.Error())
	case e.response == "Fault":
		return e, r.soapFailure(e)
	case r.badType():
		return e, r.wire("wrong_type", r.mediaType())
	}
	return e, r.soapStatus(e)
}

func (r Reply) soapStatus(e envelope) Verdict {
	known := e.overall == "OK" || e.overall == "MoreDataAvailable"
	switch {
	case e.response == "SystemStatusResponseMsg" && e.system == "" && oneOf("InMaintenance|UnplannedOutage", e.overall):
		e.system = e.overall
		return r.soapFailure(e)
	case e.response == "SystemStatusResponseMsg" && strings.EqualFold(e.system, "OK") && (known || e.overall == ""):
		return r.ok()
	case e.response == "SystemStatusResponseMsg" && e.system != "":
		return r.soapFailure(e)
	case !e.overallOn || e.overall == "" || !strings.HasSuffix(e.response, "ResponseMsg"):
		return r.wire("missing_fields", "no OverallStatus")
	case !known:
		return r.soapFailure(e)
	}
	return r.ok()
}

func (r Reply) soapFailure(e envelope) Verdict {
	f := e.failure(r.Status)
	cause := r.causeOf(f, "")
	v := cause.verdict(r.Status, r.describe(f, ""))
	v.RetryAfter = r.wait(cause)
	return v
}
