package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// inbox is the receiver of the demo's messages: it prints them, so that one sees
// what a pager would have shown.
func (d *demo) inbox(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Status string `json:"status"`
		Alerts []struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&message); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	for _, a := range message.Alerts {
		d.env.progress("%s  message (%s, %s): %s", time.Now().Format(time.TimeOnly), message.Status, a.Labels["outcome"], a.Annotations["summary"])
	}
	w.WriteHeader(http.StatusNoContent)
}
