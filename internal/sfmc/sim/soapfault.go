package sim

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// soapFaultKind is one fault of the SOAP API. Only Server faults carry codes;
// AuthorizationFailure is the one Client fault for which a code is documented.
type soapFaultKind struct {
	class  string // Security, Client or Server
	text   string
	detail int // apifault code; 0: no detail
}

var (
	faultTokenExpired   = soapFaultKind{"Security", "Token Expired", 0}
	faultLoginFailed    = soapFaultKind{"Security", "Login Failed", 0}
	faultAccountLocked  = soapFaultKind{"Security", "Login Failed. The account is locked.", 0}        // assumed text
	faultPasswordChange = soapFaultKind{"Security", "Login Failed. The password must be changed.", 0} // assumed text
	faultRateLimited    = soapFaultKind{"Server", "Rate Limited", 17}
	faultOutage         = soapFaultKind{"Server", "Unplanned Outage", 2}
	faultInMaintenance  = soapFaultKind{"Server", "InMaintenance", 9}
	faultServer         = soapFaultKind{"Server", "UnexpectedError", 2}
	faultAuthorization  = soapFaultKind{"Client", "AuthorizationFailure", 11}
	faultUnknownAction  = soapFaultKind{"Client", "Server did not recognize the value of HTTP Header SOAPAction: Sample.", 0}
)

const (
	soapContentType = "text/xml; charset=utf-8"
	nsSecurity      = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsUtility       = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsAddressing    = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsPartner       = "http://exacttarget.com/wsdl/partnerAPI"
	nsEnvelope11    = "http://schemas.xmlsoap.org/soap/envelope/"
	nsEnvelope12    = "http://www.w3.org/2003/05/soap-envelope"
)

// soapFault answers with a fault: always HTTP 500, throttling included.
func soapFault(c *call, f soapFaultKind) answer {
	code := "soap:" + f.class
	if f.class == "Security" {
		code = "q0:Security"
	}
	var b strings.Builder
	b.WriteString("<soap:Fault><faultcode")
	if f.class == "Security" {
		fmt.Fprintf(&b, ` xmlns:q0="%s"`, nsSecurity)
	}
	fmt.Fprintf(&b, ">%s</faultcode><faultstring>%s</faultstring><faultactor>%sService.asmx</faultactor>", code, xmlText(f.text), xmlText(c.base(hostSOAP)))
	if f.detail != 0 {
		fmt.Fprintf(&b, `<detail><apifault xmlns="urn:fault.partner.exacttarget.com"><Code>%d</Code><Message>%s</Message><LogID>%s</LogID><Params/></apifault></detail>`,
			f.detail, xmlText(f.text), guidOf("log", c.now.String()))
	}
	b.WriteString("</soap:Fault>")
	return c.envelopeAnswer(http.StatusInternalServerError, nsAddressing+"/fault", b.String())
}

func soapBadRequest() answer {
	return answer{status: http.StatusBadRequest, kind: "text/plain", body: []byte("Bad Request")}
}

// envelopeAnswer wraps a body. Clients look the prefix soap: up literally, and
// recorded answers always carry the addressing and timestamp headers.
func (c *call) envelopeAnswer(status int, action, body string) answer {
	var b strings.Builder
	b.Grow(len(body) + 1400)
	envelope, kind := nsEnvelope11, soapContentType
	if c.envelope != nil && c.envelope.soap12 {
		envelope, kind = nsEnvelope12, "application/soap+xml; charset=utf-8"
	}
	stamp := func(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="%s" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:wsa="%s" xmlns:wsse="%s" xmlns:wsu="%s">`,
		envelope, nsAddressing, nsSecurity, nsUtility)
	id := guidOf("message", randomText(12))
	fmt.Fprintf(&b, `<soap:Header><wsa:Action>%s</wsa:Action><wsa:MessageID>urn:uuid:%s</wsa:MessageID><wsa:RelatesTo>urn:uuid:%s</wsa:RelatesTo><wsa:To>%s/role/anonymous</wsa:To>`,
		xmlText(action), id, guidOf("relates", id), nsAddressing)
	fmt.Fprintf(&b, `<wsse:Security><wsu:Timestamp wsu:Id="Timestamp-%s"><wsu:Created>%s</wsu:Created><wsu:Expires>%s</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header>`,
		id, stamp(c.now), stamp(c.now.Add(5*time.Minute)))
	b.WriteString("<soap:Body>" + body + "</soap:Body></soap:Envelope>")
	return answer{status: status, kind: kind, body: []byte(b.String())}
}

// xmlText escapes, and replaces what XML cannot hold: names come from callers.
func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}
