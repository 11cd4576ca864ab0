// Package expiry is the arithmetic of dates: which clocks a credential has, when
// each ends and how we know, and how far down its ladder of warnings it is. It is
// pure, counts in civil days of a zone and never in hours, and knows nothing of
// incidents or messages.
package expiry

import (
	"time"

	"keepwatch"
)

const day = 24 * time.Hour

// Rule is one clock of a kind: where its end comes from when nobody read or typed it.
type Rule struct {
	Clock string // its name, as in Clock.Name
	Kind  keepwatch.ClockKind

	// Life is how long the thing lives from its beginning or, on an idle clock, how
	// long it may lie unused. 0: nothing says so, and the date is read or typed.
	Life time.Duration
	// Assumed marks a life that Salesforce does not promise. What follows from it is
	// shown as assumed, and never raises a critical incident.
	Assumed bool
	// Ends is a date that is the same for everybody; assumed until somebody types another.
	Ends keepwatch.Date
	// Policy names the account's setting that may replace Life: Credential.ValidFor on
	// hard clocks, IdleFor on idle ones. "" takes neither.
	Policy string
	// Optional clocks appear only with a date: nothing documented says that the thing
	// ends, so a missing date is no finding.
	Optional bool
	// After names another clock of the kind; this one ends Life after it.
	After string
	// Why is the rule in words, for the basis of the date.
	Why string
}

const (
	passwordPolicy = "password policy"
	idlePolicy     = "account's idle limit"
	ownLimit       = "record's own limit"
)

// ssoCertificateEnds is the end of the account's own signing certificate of
// December 2024. Source: Salesforce help on single sign-on for Marketing Cloud.
var ssoCertificateEnds = keepwatch.Day(2026, time.December, 20)

// Rules is the table of clocks per kind, the hard ones first: the first hard rule is
// the one that Credential.Expires speaks of. A kind without a row has no clock.
var Rules = map[keepwatch.Kind][]Rule{
	keepwatch.ServerToServer: {clientSecret, idlePackage},
	keepwatch.WebApp:         {clientSecret, idlePackage},
	keepwatch.PublicApp:      {idlePackage},
	keepwatch.RefreshToken: {
		{Clock: "refresh_token", Kind: keepwatch.ClockIdle, Life: 30 * day, Policy: idlePolicy, Why: "a refresh token that nobody redeems ends after 30 days"},
	},
	keepwatch.LegacyPackage: {ageOnly("secret"), idlePackage},
	keepwatch.APIUser: {
		{Clock: "password", Kind: keepwatch.ClockHard, Policy: passwordPolicy, Why: "the account's password policy, unless API users are exempt from it"},
		{Clock: "login", Kind: keepwatch.ClockIdle, Life: 90 * day, Assumed: true, Policy: idlePolicy, Why: "a user that does not sign in to the pages for 90 days is locked out"},
	},
	keepwatch.Certificate:    {readCertificate},
	keepwatch.SSOCertificate: {{Clock: "certificate", Kind: keepwatch.ClockHard, Ends: ssoCertificateEnds, Why: "the account's certificate of December 2024 ends then"}},
	keepwatch.SFTPPassword: {
		{Clock: "password", Kind: keepwatch.ClockHard, Policy: passwordPolicy, Why: "the expiration date that Setup shows for the SFTP user"},
	},
	keepwatch.SFTPKey:         {ageOnly("key")},
	keepwatch.EncryptionKey:   {ageOnly("key")},
	keepwatch.ENSSignatureKey: {ageOnly("key")},
	keepwatch.JWTSecret:       {ageOnly("secret")},
	keepwatch.PushCertificate: {
		{Clock: "certificate", Kind: keepwatch.ClockHard, Life: 365 * day, Assumed: true, Policy: ownLimit, Why: "push certificates are issued for a year"},
	},
	keepwatch.PushKey: {ageOnly("key")},
	keepwatch.PersonalAccessToken: {
		{Clock: "token", Kind: keepwatch.ClockHard, Life: 30 * day, Assumed: true, Policy: ownLimit, Why: "it is made for 7, 15 or 30 days; the longest is assumed"},
	},
	keepwatch.ConnectedApp: {readCertificate},
	keepwatch.Contract: {
		{Clock: "contract", Kind: keepwatch.ClockHard, Why: "the contract's end"},
		{Clock: "access", Kind: keepwatch.ClockHard, Life: 90 * day, After: "contract", Optional: true, Why: "access ends 90 days after the contract"},
	},
}

var (
	clientSecret = Rule{
		Clock: "secret", Kind: keepwatch.ClockHard, Life: keepwatch.ClientSecretLife,
		Why: "a client secret ends 180 days after it was generated, whenever it was activated",
	}
	// Our own tests count as use on Salesforce's side and would hide that nobody else
	// uses the package, so only the use of others moves this clock.
	idlePackage = Rule{
		Clock: "package", Kind: keepwatch.ClockIdle, Life: 180 * day, Assumed: true, Policy: idlePolicy, Optional: true,
		Why: "packages that nobody used for 180 days were invalidated",
	}
	readCertificate = Rule{Clock: "certificate", Kind: keepwatch.ClockHard, Why: "the certificate's own end"}
)

// ageOnly is a clock of a thing without a documented end: it has a date only when
// somebody types one or a policy sets one.
func ageOnly(name string) Rule {
	return Rule{Clock: name, Kind: keepwatch.ClockHard, Policy: ownLimit, Optional: true, Why: "no end is documented"}
}
