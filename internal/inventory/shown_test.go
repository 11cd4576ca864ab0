package inventory

import "testing"

// TestShown: a message repeats what can only be a word, a number or a date.
func TestShown(t *testing.T) {
	for cell, want := range map[string]bool{
		"rocket": true, "server-to-server": true, "Server To Server": true, "transactional": true, "TRANSACTIONAL": true, "31.13.2026": true,
		"Sep 31, 2026": true, "510000123": true, "90 days": true, "x1": true, "shop:orders/new": true,
		"S3cr3t!x": false, "Summer2026": false, "aB3dE6gH9jK2mN5pQ8sT1vW4": false, "aBcDeFgH": false, "a+b=c&d;": false,
		"abcdefghijklmnopqrstuvwxyz": false, "correct horse battery staple and then some": false, "7f3a9c12-4b5d-4e6f": false,
	} {
		if got := shown(cell) != "what stands here"; got != want {
			t.Errorf("shown(%q) = %s", cell, shown(cell))
		}
	}
	for key, want := range map[string]string{"tenants": "tenants", "client_secret": "client_secret", "secret.aB3dE6gH9jK2": "secret", "aB3dE6gH9jK2": ""} {
		if got := shownKey(key); got != want {
			t.Errorf("shownKey(%q) = %q, not %q", key, got, want)
		}
	}
}
