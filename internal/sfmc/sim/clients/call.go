package clients

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html"
	"net/http"
	"strings"
)

// Call is one thing that an integration asks SFMC for.
type Call struct {
	Path     string // of a REST route, without the slash before it
	Method   string // "" is GET
	Body     string // JSON
	SOAP     string // a Retrieve of this object in place of a REST call
	Identity bool   // /v2/userinfo
	WSDL     bool   // the description of the SOAP service, without a token
}

// send makes the request of a call.
func (p *process) send(ctx context.Context, c *Call, t token) (answer, error) {
	bearer := []string{"Authorization", "Bearer " + t.access}
	switch {
	case c.SOAP != "":
		return p.sendSOAP(ctx, c, t)
	case c.Identity:
		return p.exchange(ctx, http.MethodGet, p.spec.Auth+"v2/userinfo", "", bearer...)
	case c.WSDL:
		return p.exchange(ctx, http.MethodGet, t.soap+"etframework.wsdl", "")
	}
	path := c.Path
	if p.spec.Library.Lower {
		path = strings.ToLower(path)
	}
	if c.Body != "" {
		bearer = append(bearer, "Content-Type", "application/json")
	}
	return p.exchange(ctx, cmp.Or(c.Method, http.MethodGet), t.rest+path, c.Body, bearer...)
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header>%s</Header><Body>` +
	`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><Options><BatchSize>1</BatchSize></Options>` +
	`<ObjectType>%s</ObjectType><Properties>ID</Properties></RetrieveRequest></RetrieveRequestMsg></Body></Envelope>`

const login = `<Security xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><UsernameToken><Username>%s</Username><Password>%s</Password></UsernameToken></Security>`

// sendSOAP makes a Retrieve: with a token, or as an API user, for whom each call is a
// login.
func (p *process) sendSOAP(ctx context.Context, c *Call, t token) (answer, error) {
	header := `<fueloauth xmlns="http://exacttarget.com">` + html.EscapeString(t.access) + `</fueloauth>`
	address := t.soap + cmp.Or(p.spec.Library.Service, "Service.asmx")
	if p.spec.Login != "" {
		secret := ""
		if all := p.spec.Secrets(); len(all) > 0 {
			secret = all[0]
		}
		header, address = fmt.Sprintf(login, html.EscapeString(p.spec.Login), html.EscapeString(secret)), p.spec.SOAP
		p.note(func(t *Tally) { t.Tokens++ })
	}
	a, err := p.exchange(ctx, http.MethodPost, address, fmt.Sprintf(envelope, header, html.EscapeString(c.SOAP)), "Content-Type", "text/xml", "SOAPAction", "Retrieve")
	if err != nil {
		return a, err
	}
	a.ok = a.ok && !bytes.Contains(a.body, []byte("<OverallStatus>Error"))
	a.refused = bytes.Contains(a.body, []byte("<faultstring>Token Expired</faultstring>"))
	a.busy = a.busy && !bytes.Contains(a.body, []byte("Security</faultcode>"))
	if p.spec.Login != "" && a.ok {
		p.note(func(t *Tally) { t.Granted++ })
	}
	return a, nil
}
