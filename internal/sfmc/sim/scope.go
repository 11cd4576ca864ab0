package sim

import (
	"slices"
	"strings"
)

// AllScopes are the scopes of a package that may do everything the simulator
// knows, spelled as in recorded token answers.
func AllScopes() []string {
	return []string{
		"documents_and_images_read", "documents_and_images_write", "saved_content_read", "saved_content_write",
		"automations_read", "automations_write", "automations_execute", "journeys_read", "journeys_write", "journeys_execute",
		"email_read", "email_write", "email_send", "push_read", "push_write", "push_send", "sms_read", "sms_write", "sms_send",
		"audiences_read", "audiences_write", "list_and_subscribers_read", "list_and_subscribers_write",
		"data_extensions_read", "data_extensions_write", "file_locations_read", "file_locations_write",
		"tracking_events_read", "campaign_read", "campaign_write", "users_read", "users_write", "accounts_read",
		"event_notification_callback_read", "event_notification_subscription_read", "key_manage_view", "offline",
	}
}

// scopeSet is a set of scopes as bits of a scopeTable.
type scopeSet [maxScopes / 8]byte

func (s *scopeSet) add(i int)      { s[i/8] |= 1 << (i % 8) }
func (s *scopeSet) has(i int) bool { return s[i/8]&(1<<(i%8)) != 0 }

// scopeTable numbers every scope that a package was ever given. A token asks
// only for scopes of its package, so callers cannot make the table grow.
type scopeTable struct{ names []string }

func (t *scopeTable) learn(names []string) {
	for _, name := range names {
		if len(t.names) < maxScopes && !slices.Contains(t.names, name) {
			t.names = append(t.names, name)
		}
	}
}

func (t *scopeTable) set(names []string) (set scopeSet) {
	for _, name := range names {
		if i := slices.Index(t.names, name); i >= 0 {
			set.add(i)
		}
	}
	return set
}

func (t *scopeTable) holds(set scopeSet, name string) bool {
	i := slices.Index(t.names, name)
	return i >= 0 && set.has(i)
}

func (t *scopeTable) list(set scopeSet) []string {
	var out []string
	for i, name := range t.names {
		if set.has(i) {
			out = append(out, name)
		}
	}
	return out
}

func joined(scopes []string) string { return strings.Join(scopes, " ") }
