package discovery

import (
	"slices"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// enter signs in. An API user has nothing to get beforehand: its first read shows
// whether name and password are good.
func (l *look) enter() sfmc.Verdict {
	switch l.cred.Kind {
	case keepwatch.APIUser:
		l.login = sfmc.Login{Username: l.cred.Username, Password: l.secret}
		if l.cred.Username == "" {
			return sfmc.Verdict{Outcome: keepwatch.MonitorFault, Message: "The API user has no user name.", Hint: "Set username in the credential's definition."}
		}
		return sfmc.Verdict{Outcome: keepwatch.OK}
	case keepwatch.LegacyPackage:
		return l.enterLegacy()
	}
	return l.enterPackage()
}

// enterPackage gets a token for the enterprise, where the whole tree is to be seen.
// Which account that is stands in the claims of any token, so the first look may
// need two; when the enterprise refuses, the first one is used.
func (l *look) enterPackage() sfmc.Verdict {
	known, remembered := l.d.enterprises.Load(l.cred.ID)
	unit := l.cred.BusinessUnit
	if remembered {
		unit, _ = known.(keepwatch.MID)
	}
	token, v := l.ask(unit)
	again := !v.OK() && remembered && unit != l.cred.BusinessUnit && refusesUnit(v)
	if again {
		l.d.enterprises.Delete(l.cred.ID)
		token, v = l.ask(l.cred.BusinessUnit)
	}
	if !v.OK() {
		l.part(PartIdentity, PartFailed, 0, v, "no token, so nothing could be read")
		return v
	}
	l.use(token)
	l.identify()
	if l.report.Enterprise == 0 {
		l.report.Enterprise = keepwatch.MID(token.Claims.EID)
	}
	if l.report.Enterprise != 0 && l.report.Unit != l.report.Enterprise && l.stopped == nil && !again {
		l.rise(l.report.Enterprise)
	}
	return v
}

// enterLegacy gets a token of the old kind; there is none for another account.
func (l *look) enterLegacy() sfmc.Verdict {
	l.report.Calls++
	token, v := l.d.client.LegacyToken(l.ctx, l.endpoints, sfmc.TokenRequest{ClientID: l.cred.ClientID, Secret: l.secret})
	if !v.OK() {
		l.part(PartIdentity, PartFailed, 0, v, "no token, so nothing could be read")
		return v
	}
	l.use(token)
	l.identify()
	return v
}

// refusesUnit tells a refusal that may be about the account asked for from one that
// would only be repeated.
func refusesUnit(v sfmc.Verdict) bool {
	switch v.Outcome {
	case keepwatch.BusinessUnitRefused, keepwatch.GrantRefused, keepwatch.BadSecretOrPackage, keepwatch.BadRequest:
		return true
	}
	return false
}

func (l *look) ask(unit keepwatch.MID) (sfmc.Token, sfmc.Verdict) {
	l.report.Calls++
	return l.d.client.Token(l.ctx, l.endpoints, sfmc.TokenRequest{ClientID: l.cred.ClientID, Secret: l.secret, AccountID: unit, Scopes: l.cred.Scopes})
}

func (l *look) use(t sfmc.Token) {
	l.access, l.login = t.Access, sfmc.Login{Token: t.Access, Legacy: t.Legacy}
	l.ctx = sfmc.Hiding(sfmc.Hiding(l.ctx, t.Access), t.Legacy)
	l.report.Scopes, l.report.Asked = slices.Sorted(slices.Values(t.Scopes)), slices.Sorted(slices.Values(l.cred.Scopes))
	if t.Claims.Stack != "" {
		l.report.Stack = t.Claims.Stack
	}
}

// identify asks whose token it is. Without the answer the rest can be read all the
// same, so a failure is noted and goes no further.
func (l *look) identify() {
	l.report.Calls++
	read := l.d.client.Account
	if l.cred.Kind == keepwatch.LegacyPackage {
		read = l.d.client.LegacyAccount
	}
	a, v := read(l.ctx, l.endpoints, l.access)
	if !v.OK() {
		l.part(PartIdentity, PartFailed, 0, v, "whose token it is: "+v.Message)
		return
	}
	l.proven = true
	l.report.Unit, l.report.User, l.report.Package, l.report.EnterpriseName = a.MID, a.UserSub, a.Package, a.Enterprise
	l.report.Enterprise = a.EID
	if a.Stack != "" {
		l.report.Stack = a.Stack
	}
	if a.UserSub != "" {
		l.report.Links = map[keepwatch.CredentialID]string{l.cred.ID: a.UserSub}
	}
	l.part(PartIdentity, PartComplete, 1, v, "")
}

// rise asks for a token of the enterprise. A refusal leaves the view of one
// business unit, which the parts will say.
func (l *look) rise(enterprise keepwatch.MID) {
	token, v := l.ask(enterprise)
	if !v.OK() {
		l.halt(v)
		return
	}
	l.use(token)
	l.report.Unit = enterprise
	l.d.enterprises.Store(l.cred.ID, enterprise)
}

// halt stops asking when SFMC wants a rest or cannot be reached: what comes after
// would fail the same way, and add to it.
func (l *look) halt(v sfmc.Verdict) {
	switch v.Outcome.Info().Category {
	case keepwatch.CategoryThrottle, keepwatch.CategoryNetwork, keepwatch.CategoryPlatform, keepwatch.CategoryMonitor:
		if l.stopped == nil {
			l.stopped = &v
		}
	}
}
