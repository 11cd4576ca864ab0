package sim

import (
	_ "embed"
	"net/http"
	"strings"
)

//go:embed etframework.wsdl
var wsdlText string

// wsdl serves GET /etframework.wsdl, to anybody: clients fetch it before they
// have a token, and take the endpoint's address from it.
func (c *call) wsdl() answer {
	text := strings.ReplaceAll(wsdlText, "{{base}}", xmlText(c.base(hostSOAP)))
	return answer{status: http.StatusOK, kind: "text/xml; charset=utf-8", body: []byte(text)}
}
