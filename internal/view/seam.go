package view

import "keepwatch"

// Page is the part of a list that is asked for.
type Page struct {
	Limit  int
	Cursor string
}

// IncidentFilter narrows a list of incidents. Zero fields do not.
type IncidentFilter struct {
	Status     string
	Credential keepwatch.CredentialID
	Tenant     keepwatch.TenantID
}
