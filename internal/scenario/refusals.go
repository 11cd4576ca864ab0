package scenario

// refusals: the credential itself is refused.
func refusals() []Story {
	return []Story{
		{
			Name: "a quiet day", Summary: "Nothing happens and nothing is said.",
			For: day, Estate: small(),
		},
		{
			Name: "a secret is replaced behind our back", Summary: "Somebody regenerated the secret of a transactional credential in the night.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 2 * hour, Do: Inject, Credential: "orders", Fault: "bad_secret"}, {At: 9 * hour, Do: Clear}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"},
		},
		{
			Name: "a standard credential in business hours", Summary: "A standard credential dies at noon and is named within one interval and a minute.",
			For: day, Estate: small(), Detect: 15 * min,
			Events:    []Event{{At: 12 * hour, Do: Inject, Credential: "loyalty", Fault: "bad_secret"}, {At: 14 * hour, Do: Clear}},
			Incidents: []string{"credential:loyalty bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:loyalty", "resolved bad_secret_or_package credential:loyalty"},
		},
		{
			Name: "a reporting credential at night", Summary: "A reporting credential dies at night; its tier allows four hours.",
			For: day, Estate: small(), Detect: 4*hour + min,
			Events:    []Event{{At: 20 * min, Do: Inject, Credential: "tracking", Fault: "bad_secret"}, {At: 10 * hour, Do: Clear}},
			Incidents: []string{"credential:tracking bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:tracking", "resolved bad_secret_or_package credential:tracking"},
		},
		{
			Name: "a secret ends on its day", Summary: "The 180 days are over: said a day before, on the day, and as it passes; the refusal is joined with the known date.",
			For: 2 * day, Estate: small().endsAt("orders", 30*hour), Detect: 0,
			Events:    []Event{{At: 40 * hour, Do: Rotate, Credential: "orders"}},
			Incidents: []string{"expiry:orders:secret expired critical resolved 1", "credential:orders secret_expired critical resolved 1"},
			Messages: []string{
				"firing expiring expiry:orders:secret", "firing expiring expiry:orders:secret", "firing expired expiry:orders:secret",
				"firing secret_expired credential:orders", "resolved expired expiry:orders:secret", "resolved secret_expired credential:orders",
			},
		},
		{
			Name: "a package is disabled", Summary: "An administrator disables the package and enables it again.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 10 * hour, Do: Disable, Credential: "jp-orders"}, {At: 11 * hour, Do: Enable, Credential: "jp-orders"}},
			Incidents: []string{"credential:jp-orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:jp-orders", "resolved bad_secret_or_package credential:jp-orders"},
		},
		{
			Name: "an unknown client id", Summary: "SFMC no longer knows the client id.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 8 * hour, Do: Inject, Credential: "orders", Fault: "bad_client_id"}},
			Incidents: []string{"credential:orders bad_client_id critical open 1"},
			Messages:  []string{"firing bad_client_id credential:orders"},
		},
		{
			Name: "a grant is refused", Summary: "The client may not use this grant any more.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 8 * hour, Do: Inject, Credential: "orders", Fault: "unauthorized_client"}, {At: 9 * hour, Do: Clear}},
			Incidents: []string{"credential:orders grant_refused critical resolved 1"},
			Messages:  []string{"firing grant_refused credential:orders", "resolved grant_refused credential:orders"},
		},
		{
			Name: "fresh tokens are refused", Summary: "Tokens are issued and then refused everywhere, the identity route included.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 8 * hour, Do: Inject, Credential: "orders", Fault: "token_rejected"}, {At: 9 * hour, Do: Clear}},
			Incidents: []string{"credential:orders token_rejected critical resolved 1"},
			Messages:  []string{"firing token_rejected credential:orders", "resolved token_rejected credential:orders"},
		},
	}
}

// logins: an API user's login is refused, which is tried once.
func logins() []Story {
	return []Story{
		{
			Name: "an API user's password is wrong", Summary: "One refused login opens the incident, and it is never tried again by itself.",
			For: day, Estate: small(), Detect: 61 * min,
			Events:    []Event{{At: 12 * hour, Do: Inject, Credential: "connect", Fault: "soap_login_failed"}, {At: 20 * hour, Do: Clear}},
			Incidents: []string{"credential:connect login_failed critical open 1"},
			Messages:  []string{"firing login_failed credential:connect"},
		},
		{
			Name: "an API user is locked, and a person asks again", Summary: "The lock opens at once; after the unlock a check on demand ends it.",
			For: day, Estate: small(), Detect: 61 * min,
			Events: []Event{{At: 12 * hour, Do: Inject, Credential: "connect", Fault: "soap_account_locked"}, {At: 15 * hour, Do: Clear},
				{At: 15*hour + min, Do: CheckNow, Credential: "connect"}},
			Incidents: []string{"credential:connect account_locked critical resolved 1"},
			Messages:  []string{"firing account_locked credential:connect", "resolved account_locked credential:connect"},
		},
		{
			Name: "an API user must change the password", Summary: "The password policy caught an API user.",
			For: day, Estate: small(), Detect: 61 * min,
			Events:    []Event{{At: 12 * hour, Do: Inject, Credential: "connect", Fault: "soap_password_change"}},
			Incidents: []string{"credential:connect password_change_required critical open 1"},
			Messages:  []string{"firing password_change_required credential:connect"},
		},
	}
}

// beginnings: refused together, or before anything was proven.
func beginnings() []Story {
	return []Story{
		{
			Name: "two die in one minute", Summary: "Two credentials of two tenants die together: two causes, two incidents.",
			For: day, Estate: small(), Detect: 11 * min,
			Events: []Event{{At: 10 * hour, Do: Inject, Credential: "orders", Fault: "bad_secret"}, {At: 10 * hour, Do: Inject, Credential: "jp-orders", Fault: "bad_client_id"},
				{At: 12 * hour, Do: Clear}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1", "credential:jp-orders bad_client_id critical resolved 1"},
			Messages: []string{"firing bad_secret_or_package credential:orders", "firing bad_client_id credential:jp-orders",
				"resolved bad_secret_or_package credential:orders", "resolved bad_client_id credential:jp-orders"},
		},
		{
			Name: "dead from the start", Summary: "The first test ever is refused: there is no proof to compare with, and it is said all the same.",
			For: day, Estate: lone(), Detect: 2 * min,
			Events:    []Event{{At: 0, Do: Disable, Credential: "orders"}, {At: 12 * hour, Do: Enable, Credential: "orders"}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"},
		},
		{
			Name: "ended before it was ever watched", Summary: "The secret's date had passed when Keepwatch first looked.",
			For: day, Estate: lone().endsAt("orders", -day),
			Events:    []Event{{At: 10 * hour, Do: Rotate, Credential: "orders"}},
			Incidents: []string{"expiry:orders:secret expired critical resolved 1", "credential:orders secret_expired critical resolved 1"},
			Messages: []string{
				"firing expired expiry:orders:secret", "firing secret_expired credential:orders",
				"resolved expired expiry:orders:secret", "resolved secret_expired credential:orders",
			},
		},
		{
			Name: "a secret ends before the date we know", Summary: "The date in the configuration is too late: refused like a wrong secret, for Keepwatch does not guess.",
			For: 2 * day, Estate: small(), Detect: 61 * min,
			Events:    []Event{{At: 20 * hour, Do: Expire, Credential: "jp-stores"}, {At: 32 * hour, Do: Rotate, Credential: "jp-stores"}},
			Incidents: []string{"credential:jp-stores bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:jp-stores", "resolved bad_secret_or_package credential:jp-stores"},
		},
		{
			Name: "a real lock", Summary: "An administrator locks the API user; after the unlock a check on demand ends it, and the schedule goes on.",
			For: 2 * day, Estate: small(), Detect: 61 * min,
			Events: []Event{{At: 3 * hour, Do: Lock, Credential: "connect"}, {At: 30 * hour, Do: Unlock, Credential: "connect"},
				{At: 31 * hour, Do: CheckNow, Credential: "connect"}},
			Incidents: []string{"credential:connect account_locked critical resolved 1"},
			Messages:  []string{"firing account_locked credential:connect", "resolved account_locked credential:connect"},
		},
	}
}
