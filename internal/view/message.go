package view

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Question asks who would be told of a failure. An empty outcome is a refused secret.
type Question struct {
	Credential keepwatch.CredentialID
	Outcome    keepwatch.Outcome
	At         time.Time
}

// DeliveryLog lists one page of messages to receivers, newest first.
func (r *Reader) DeliveryLog(ctx context.Context, f DeliveryFilter, page Page) (client.Page[client.LoggedDelivery], error) {
	out := client.Page[client.LoggedDelivery]{Items: []client.LoggedDelivery{}}
	list, next, err := r.from.Deliveries.DeliveryLog(ctx, f, page)
	if err != nil {
		return out, reading("messages", err)
	}
	for _, d := range list {
		item := client.LoggedDelivery{Delivery: deliveryOf(d), Incident: string(d.Notice.Incident.ID), Title: title(d.Notice.Incident)}
		if l := d.Notice.Letter; l != nil {
			item.Incident, item.Title = "", l.Subject
		}
		out.Items = append(out.Items, item)
	}
	if next != "" {
		out.Next = &next
	}
	return out, nil
}
