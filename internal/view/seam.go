package view

import "keepwatch/internal/store"

// The store's words for a part of a list; the edges speak them through this
// package and need not know the store.
type (
	// Page is the part of a list that is asked for.
	Page = store.Page
	// IncidentFilter narrows a list of incidents. Zero fields do not.
	IncidentFilter = store.IncidentFilter
	// DeliveryFilter narrows the log of messages. Zero fields do not.
	DeliveryFilter = store.DeliveryFilter
)
