package sfmc

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"time"
	"unicode/utf8"

	"keepwatch"
)

// Login is how a SOAP request says who asks; exactly one form is filled in.
type Login struct {
	Token    keepwatch.Secret // v2: the fueloauth header
	Legacy   keepwatch.Secret // v1: the oAuth header, with a token of legacy=1
	Username string           // an API user: WS-Security UsernameToken
	Password keepwatch.Secret
}

func (l Login) surface() Surface {
	if l.Username != "" {
		return OnLogin
	}
	return OnSOAP
}

// Filter is one comparison of a Retrieve.
type Filter struct {
	Property, Operator string
	Values             []string
	Date               time.Time // instead of a value
}

// Retrieve is a read of SOAP objects.
type Retrieve struct {
	Object      string
	Properties  []string
	Filter      *Filter
	AllAccounts bool
	BatchSize   int // 0 leaves it to SFMC
	MaxPages    int // 0 means all
}

const (
	wsse        = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	partnerAPI  = "http://exacttarget.com/wsdl/partnerAPI"
	soapOpen    = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>`
	soapBody    = `</s:Header><s:Body>`
	soapClose   = `</s:Body></s:Envelope>`
	maxPages    = 4000 // ten million rows: an answer that never ends is not paging
	schemaXSI   = `http://www.w3.org/2001/XMLSchema-instance`
	passwordTyp = `http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText`
)

// Retrieve reads objects page by page; each row maps a property to its text, that of
// a nested one under its dotted name. All pages together have SOAPTimeout.
func (c *Client) Retrieve(ctx context.Context, e Endpoints, l Login, q Retrieve) ([]map[string]string, Verdict) {
	rows, _, v := c.list(ctx, e, l, q)
	if !v.OK() {
		return nil, v
	}
	return rows, v
}

// outOfTime tells the limit over all pages from a caller that gave up.
func outOfTime(ctx, call context.Context, v Verdict) Verdict {
	if v.Cause == "monitor_fault" && ctx.Err() == nil && call.Err() != nil {
		return mustCause("drip").verdict(v.HTTPStatus, "")
	}
	return v
}

// SystemStatus asks SFMC how it is.
func (c *Client) SystemStatus(ctx context.Context, e Endpoints, l Login) Verdict {
	_, v := c.soap(ctx, e, l, "GetSystemStatus", []byte(`<SystemStatusRequestMsg xmlns="`+partnerAPI+`"/>`))
	return v
}

func (c *Client) soap(ctx context.Context, e Endpoints, l Login, action string, message []byte) (envelope, Verdict) {
	header, ok := l.header()
	if !ok {
		v := mustCause("monitor_fault").verdict(0, "user name or password hold characters that XML cannot carry")
		v.Hint = "Look at what the secret's reference points to; set a password of printable characters."
		return envelope{}, v
	}
	var b bytes.Buffer
	for _, part := range [][]byte{[]byte(soapOpen), header, []byte(soapBody), message, []byte(soapClose)} {
		b.Write(part)
	}
	request := &http.Request{Method: http.MethodPost, URL: e.SOAP, Host: e.SOAP.Host, Header: http.Header{
		"Content-Type": headerXML, "User-Agent": headerAgent, "Soapaction": {action},
	}}
	setBody(request, b.Bytes())
	var found envelope
	hide := [][]byte{l.Token.Reveal(), l.Legacy.Reveal(), l.Password.Reveal()}
	v := c.do(ctx, SOAPTimeout, request, Reply{On: l.surface(), Hide: hide}, func(r Reply) (v Verdict) {
		found, v = parseSOAP(r)
		return v
	})
	return found, v
}

// header writes the login. A character that XML cannot carry would be replaced,
// and a changed password costs the account one of its few tries: so false.
func (l Login) header() ([]byte, bool) {
	var b bytes.Buffer
	switch {
	case l.Username != "":
		if !carriable([]byte(l.Username)) || !carriable(l.Password.Reveal()) {
			return nil, false
		}
		b.WriteString(`<wsse:Security s:mustUnderstand="1" xmlns:wsse="` + wsse + `"><wsse:UsernameToken><wsse:Username>`)
		escape(&b, []byte(l.Username))
		b.WriteString(`</wsse:Username><wsse:Password Type="` + passwordTyp + `">`)
		escape(&b, l.Password.Reveal())
		b.WriteString(`</wsse:Password></wsse:UsernameToken></wsse:Security>`)
	case !l.Legacy.Empty():
		b.WriteString(`<wsse:Security xmlns:wsse="` + wsse + `"><wsse:UsernameToken><wsse:Username>*</wsse:Username><wsse:Password>*</wsse:Password></wsse:UsernameToken></wsse:Security>`)
		b.WriteString(`<oAuth xmlns="http://exacttarget.com"><oAuthToken>`)
		escape(&b, l.Legacy.Reveal())
		b.WriteString(`</oAuthToken></oAuth>`)
	default:
		b.WriteString(`<fueloauth xmlns="http://exacttarget.com">`)
		escape(&b, l.Token.Reveal())
		b.WriteString(`</fueloauth>`)
	}
	return b.Bytes(), true
}

func carriable(s []byte) bool {
	if !utf8.Valid(s) {
		return false
	}
	for _, r := range string(s) {
		if r < ' ' || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}

func escape(b *bytes.Buffer, s []byte) { _ = xml.EscapeText(b, s) } // a Buffer cannot fail

func element(b *bytes.Buffer, name, value string) {
	b.WriteString("<" + name + ">")
	escape(b, []byte(value))
	b.WriteString("</" + name + ">")
}

// open writes the first request, its elements in the order of the schema.
func (q Retrieve) open() []byte {
	var b bytes.Buffer
	b.WriteString(`<RetrieveRequestMsg xmlns="` + partnerAPI + `"><RetrieveRequest>`)
	element(&b, "ObjectType", q.Object)
	for _, p := range q.Properties {
		element(&b, "Properties", p)
	}
	if q.Filter != nil {
		b.WriteString(`<Filter xsi:type="SimpleFilterPart" xmlns:xsi="` + schemaXSI + `">`)
		element(&b, "Property", q.Filter.Property)
		element(&b, "SimpleOperator", q.Filter.Operator)
		for _, v := range q.Filter.Values {
			element(&b, "Value", v)
		}
		if !q.Filter.Date.IsZero() {
			element(&b, "DateValue", q.Filter.Date.In(central).Format("2006-01-02T15:04:05"))
		}
		b.WriteString("</Filter>")
	}
	if q.AllAccounts {
		b.WriteString("<QueryAllAccounts>true</QueryAllAccounts>")
	}
	if q.BatchSize > 0 {
		b.WriteString("<Options>")
		element(&b, "BatchSize", keepwatch.MID(q.BatchSize).String())
		b.WriteString("</Options>")
	}
	b.WriteString(`</RetrieveRequest></RetrieveRequestMsg>`)
	return b.Bytes()
}

func continued(requestID string) []byte {
	var b bytes.Buffer
	b.WriteString(`<RetrieveRequestMsg xmlns="` + partnerAPI + `"><RetrieveRequest>`)
	element(&b, "ContinueRequest", requestID)
	b.WriteString(`</RetrieveRequest></RetrieveRequestMsg>`)
	return b.Bytes()
}
