package sim

import (
	"net/http"
	"strconv"
	"time"
)

const (
	docsURL      = "https://developer.salesforce.com/docs"
	errorDocsURL = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"
)

// oauthError is the envelope of the token endpoint.
func oauthError(status int, code, description string) answer {
	return jsonAnswer(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		URI         string `json:"error_uri"`
	}{code, description, docsURL})
}

// restError is the envelope of everything else, gateway errors on the auth host included.
func restError(status, code int, message string) answer {
	return jsonAnswer(status, struct {
		Documentation string `json:"documentation"`
		ErrorCode     int    `json:"errorcode"`
		Message       string `json:"message"`
	}{errorDocsURL, code, message})
}

// The texts that are documented or recorded.
func badClientID() answer {
	return oauthError(http.StatusUnauthorized, "invalid_client",
		"Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.")
}

func badSecret() answer {
	return oauthError(http.StatusUnauthorized, "invalid_client",
		"Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled.")
}

func unauthorizedClient() answer {
	return oauthError(http.StatusUnauthorized, "unauthorized_client",
		"The client is not authorized to request an authorization code using this method.")
}

func ipBlocked(status int) answer {
	if status == 0 {
		status = http.StatusBadRequest
	}
	return oauthError(status, "invalid_grant",
		"The client's IP address is unauthorized for this account. Allowlist the client's IP address in Marketing Cloud Administration.")
}

func notAuthorized() answer { return restError(http.StatusUnauthorized, 0, "Not Authorized") }

func insufficientPrivileges() answer {
	return jsonAnswer(http.StatusForbidden, map[string]any{
		"message": "Insufficient privileges to complete this action.", "errorcode": 20002, "documentation": "",
	})
}

func legacyUnauthorized() answer {
	return jsonAnswer(http.StatusUnauthorized, map[string]any{"message": "Unauthorized", "errorcode": 1, "documentation": ""})
}

func rateLimited(after time.Duration) answer {
	seconds := max(1, int((after+time.Second-1)/time.Second))
	return jsonAnswer(http.StatusTooManyRequests, map[string]any{
		"message": "Rate limit exceeded", "errorcode": 50100, "retryAfter": seconds, "documentation": errorDocsURL,
	}).with("Retry-After", strconv.Itoa(seconds))
}

func temporarilyBlocked() answer {
	return restError(http.StatusTooManyRequests, 50200, "Your requests are temporarily blocked.")
}

func serverError() answer {
	return restError(http.StatusInternalServerError, 0, "Internal Server Error")
}

func unavailable() answer {
	return restError(http.StatusServiceUnavailable, 50300, "Service Unavailable").with("Retry-After", "30")
}

// The texts for which no source is known; RFC 6749 gives the codes.
func invalidGrant() answer {
	return oauthError(http.StatusBadRequest, "invalid_grant", "The authorization grant or refresh token is invalid, expired or revoked.")
}

func invalidScope() answer {
	return oauthError(http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown or exceeds the scope of the package.")
}

func businessUnitRefused() answer {
	return oauthError(http.StatusUnauthorized, "invalid_client", "The package is not granted to the business unit in account_id.")
}

func invalidRequest(description string) answer {
	return oauthError(http.StatusBadRequest, "invalid_request", description)
}

func unsupportedGrant() answer {
	return oauthError(http.StatusBadRequest, "unsupported_grant_type", "The grant_type is not supported.")
}

func maintenancePage() answer {
	return answer{
		status: http.StatusServiceUnavailable, kind: "text/html; charset=utf-8",
		body: []byte("<!DOCTYPE html><html><head><title>Scheduled Maintenance</title></head><body>" +
			"<h1>Marketing Cloud is undergoing scheduled maintenance.</h1></body></html>"),
	}.with("Retry-After", "600")
}
