package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"keepwatch"
)

// identifySOAP reads who calls: a token, or an API user by name.
func (c *call) identifySOAP() {
	switch e := c.envelope; {
	case e == nil:
	case e.login:
		c.clientID = e.username
	default:
		c.identifyBearer(e.token)
	}
}

// soap serves POST /Service.asmx.
func (c *call) soap() answer {
	switch {
	case c.r.Method != http.MethodPost:
		return answer{status: http.StatusMethodNotAllowed, kind: "text/plain", body: []byte("Method Not Allowed")}
	case c.envelope == nil:
		return soapBadRequest()
	}
	if fault, ok := c.admitSOAP(); !ok {
		return soapFault(c, fault)
	}
	switch strings.ToLower(c.envelope.message.name) {
	case "retrieverequestmsg":
		return c.retrieve(c.envelope.message.child("RetrieveRequest"))
	case "systemstatusrequestmsg":
		return c.systemStatus("OK")
	}
	action := strings.Trim(c.r.Header.Get("SOAPAction"), `"`)
	return soapFault(c, soapFaultKind{"Client", "Server did not recognize the value of HTTP Header SOAPAction: " + cmp.Or(action, c.envelope.message.name) + ".", 0})
}

// admitSOAP judges token or login.
func (c *call) admitSOAP() (soapFaultKind, bool) {
	if c.envelope.login {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		return c.login()
	}
	switch c.bearer {
	case bearerGood:
		return soapFaultKind{}, true
	case bearerExpired:
		return faultTokenExpired, false
	default:
		return faultLoginFailed, false
	}
}

// login judges an API user's name and password and counts bad tries: after so
// many the user is locked, and the right password does not help any more.
func (c *call) login() (soapFaultKind, bool) {
	u := c.client
	if u == nil || u.spec.Kind != keepwatch.APIUser || !u.enabled || !u.installed {
		return faultLoginFailed, false
	}
	if u.locked {
		return faultAccountLocked, false
	}
	if !u.secrets.accepts(c.envelope.password, c.now, false) {
		if u.badLogins++; u.badLogins >= cmp.Or(c.settings.LockAfter, 3) {
			u.locked = true
		}
		return faultLoginFailed, false
	}
	if u.mustChange {
		return faultPasswordChange, false
	}
	u.badLogins, u.lastLogin = 0, c.now
	return soapFaultKind{}, true
}

// systemStatus answers GetSystemStatus.
func (c *call) systemStatus(status string) answer {
	id := guidOf("request", randomText(12))
	return c.envelopeAnswer(http.StatusOK, "SystemStatusResponse", fmt.Sprintf(
		`<SystemStatusResponseMsg xmlns="%s"><Results><Result><StatusCode>OK</StatusCode><StatusMessage>System Status Retrieved</StatusMessage><SystemStatus>%s</SystemStatus></Result></Results><OverallStatus>OK</OverallStatus><RequestID>%s</RequestID></SystemStatusResponseMsg>`,
		nsPartner, status, id))
}

// systemStatusFault makes GetSystemStatus report trouble, and leaves the rest alone.
func systemStatusFault(status string) faultKind {
	return faultKind{hosts: onSOAP, routes: []string{routeSOAP}, answer: func(c *call, _ string) answer {
		if c.envelope == nil || !strings.EqualFold(c.envelope.message.name, "SystemStatusRequestMsg") {
			return c.soap()
		}
		return c.systemStatus(status)
	}}
}

// overallFault makes a Retrieve fail the way that hides in HTTP 200.
func overallFault(text func(object string) string) faultKind {
	return faultKind{hosts: onSOAP, routes: []string{routeSOAP}, answer: func(c *call, _ string) answer {
		object := "Object"
		if c.envelope != nil {
			object = cmp.Or(c.envelope.message.at("RetrieveRequest", "ObjectType").value(), object)
		}
		return c.retrieved(text(object), guidOf("request", randomText(12)), "")
	}}
}

// retrieved wraps rows in the answer of Retrieve.
func (c *call) retrieved(status, requestID, rows string) answer {
	return c.envelopeAnswer(http.StatusOK, "RetrieveResponse", fmt.Sprintf(
		`<RetrieveResponseMsg xmlns="%s"><OverallStatus>%s</OverallStatus><RequestID>%s</RequestID>%s</RetrieveResponseMsg>`,
		nsPartner, xmlText(status), requestID, rows))
}
