package sfmc

import (
	"net/http"
	"slices"
	"strings"

	"keepwatch"
)

// Host is one of the three hosts of a tenant.
type Host string

const (
	HostAuth Host = "auth"
	HostREST Host = "rest"
	HostSOAP Host = "soap"
)

// Hosts are all of them.
var Hosts = []Host{HostAuth, HostREST, HostSOAP}

// domain is under which every tenant has its hosts.
const domain = ".marketingcloudapis.com"

// IsHost reports whether name is that host of the tenant with the subdomain; without
// one, whether it is that host of any tenant.
func IsHost(subdomain string, h Host, name string) bool {
	sub, found := strings.CutSuffix(strings.ToLower(name), "."+string(h)+domain)
	if !found {
		return false
	}
	if subdomain == "" {
		return ValidSubdomain(sub) == nil
	}
	return sub == strings.ToLower(subdomain)
}

// SiblingHost is the name of another host of the tenant that name belongs to.
func SiblingHost(name string, h Host) string {
	sub, _, _ := strings.Cut(name, ".")
	return sub + "." + string(h) + domain
}

// Passing is what somebody else's request is, as host, method and path tell.
type Passing struct {
	Kind   keepwatch.CallKind
	On     Surface // how the answer reads
	Family string  // bounded: a name that SFMC does not have is "other"
	// Instances: a good answer names the addresses of the REST and SOAP hosts.
	Instances bool
	// Login: the body of the request may name a credential or hold a token.
	Login bool
	// Shaped: a good answer has a shape by which a bad one under a good status is known.
	Shaped bool
}

// restFamilies are the first segments of REST paths that Salesforce documents.
var restFamilies = []string{
	"address", "asset", "automation", "campaigns", "contacts", "customobjectdata", "data", "device", "email", "events", "guide", "hub", "interaction", "internal",
	"legacy", "messages", "messaging", "mobilepush", "ott", "platform", "provisioning", "push", "sms",
}

// PassingOf tells what a request is. The path may be in any case: one client sends
// all of it in lower case.
func PassingOf(h Host, method, path string) Passing {
	path = strings.ToLower(path)
	ends := func(route string) bool { return path == route || strings.HasSuffix(path, route) }
	switch {
	case h == HostAuth && method == http.MethodPost && ends("/v2/token"):
		return Passing{Kind: keepwatch.CallToken, On: OnToken, Instances: true, Login: true, Shaped: true}
	case h == HostAuth && method == http.MethodPost && ends("/v1/requesttoken"):
		return Passing{Kind: keepwatch.CallToken, On: OnLegacy, Login: true, Shaped: true}
	case h == HostAuth && ends("/v2/userinfo"):
		return Passing{Kind: keepwatch.CallREST, On: OnIdentity, Family: "userinfo", Instances: true}
	case h == HostAuth:
		return Passing{Kind: keepwatch.CallREST, On: OnREST, Family: "auth"}
	case h == HostSOAP && method == http.MethodPost && strings.HasSuffix(path, ".asmx"):
		return Passing{Kind: keepwatch.CallSOAP, On: OnSOAP, Family: "other", Login: true, Shaped: true}
	case h == HostSOAP:
		return Passing{Kind: keepwatch.CallSOAP, On: OnREST, Family: "wsdl"}
	case ends("/platform/v1/tokencontext"):
		return Passing{Kind: keepwatch.CallREST, On: OnIdentity, Family: "platform"}
	}
	family, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !slices.Contains(restFamilies, family) {
		family = "other"
	}
	return Passing{Kind: keepwatch.CallREST, On: OnREST, Family: family}
}

// soapMethods are the operations of the SOAP interface.
var soapMethods = []string{
	"Configure", "ContinueRequest", "Create", "Delete", "Describe", "Execute", "Extract", "GetSystemStatus", "LogUnsubEvent", "Perform", "Query",
	"Retrieve", "RetrieveSingle", "Schedule", "Update", "Upsert", "VersionInfo",
}

// soapMethod makes the name of an operation out of an element or a SOAPAction.
func soapMethod(name string) string {
	name = strings.Trim(name, `" `)
	name = strings.TrimSuffix(strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "RequestMsg"), "Request")
	if name == "SystemStatus" {
		name = "GetSystemStatus"
	}
	for _, m := range soapMethods {
		if strings.EqualFold(m, name) {
			return m
		}
	}
	return ""
}

// ClassifyPart names the answer to somebody else's request of which only the
// beginning may have been kept. A good status is good but where the beginning says
// otherwise; a bad one is read as Classify reads it.
func ClassifyPart(r Reply, p Passing, whole bool) Verdict {
	r.On = p.On
	if r.Status < 200 || r.Status >= 300 || whole && p.Shaped {
		return Classify(r)
	}
	if p.On == OnSOAP {
		if e, _ := parseEnvelope(r.Body); e.response == "Fault" || e.overallOn && strings.HasPrefix(e.overall, "Error") {
			return r.soapFailure(e)
		}
	}
	return r.ok()
}
