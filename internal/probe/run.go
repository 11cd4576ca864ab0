package probe

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// run is one climb of the ladder.
type run struct {
	p    *Prober
	ctx  context.Context
	cred *keepwatch.Credential
	plan *plan
	at   time.Time

	steps    []keepwatch.Step
	failed   bool
	step     string // the one that decided
	verdict  sfmc.Verdict
	answered bool // some HTTP answer of SFMC came in this run
	// pointAnswered: the newest integration point gave an HTTP answer. It proves the
	// way to that one only, which may be inside our own walls.
	pointAnswered bool
	proven        bool // token or login was good

	token sfmc.Token
	login sfmc.Login
	id    sfmc.Identity
}

func (r *run) climb() {
	r.steps = make([]keepwatch.Step, 0, 3*len(r.plan.targets)+2+len(r.plan.tests)+len(r.plan.points))
	if r.plan.proves() {
		r.prove()
	}
	for _, name := range r.plan.points {
		r.point(name)
	}
}

// prove climbs from the hosts to the tests of SFMC.
func (r *run) prove() {
	for i := range r.plan.targets {
		r.host(&r.plan.targets[i])
	}
	if r.cred.Kind != keepwatch.APIUser {
		r.do("token", r.askToken)
	}
	r.do("identity", r.askIdentity)
	for i := range r.plan.tests {
		r.test(&r.plan.tests[i])
	}
}

// do runs one step, or notes that it was skipped.
func (r *run) do(name string, ask func() sfmc.Verdict) {
	if r.failed {
		r.steps = append(r.steps, keepwatch.Step{Name: name, Outcome: keepwatch.Skipped})
		return
	}
	began := time.Now()
	v := ask()
	r.answered = r.answered || v.HTTPStatus != 0
	r.add(keepwatch.Step{Name: name, Outcome: v.Outcome, HTTPStatus: v.HTTPStatus, Took: time.Since(began), Evidence: v.Evidence}, v)
}

func (r *run) add(s keepwatch.Step, v sfmc.Verdict) {
	r.steps = append(r.steps, s)
	if !v.OK() && !r.failed {
		r.failed, r.step, r.verdict = true, s.Name, v
	}
}

// fail ends a run outside its steps.
func (r *run) fail(name string, v sfmc.Verdict) {
	r.failed = false // what happened to Keepwatch goes before what it saw
	r.add(keepwatch.Step{Name: name, Outcome: v.Outcome, Evidence: v.Evidence}, v)
}

// host adds the shared steps of one host.
func (r *run) host(t *target) {
	if r.failed {
		for _, name := range t.stepNames() {
			r.steps = append(r.steps, keepwatch.Step{Name: name, Outcome: keepwatch.Skipped})
		}
		return
	}
	proof := r.p.hosts.prove(r.ctx, *t)
	for i, name := range t.stepNames() {
		s := proof.steps[i]
		s.Name, s.Shared = name, true
		r.add(s, proof.verdicts[i])
	}
}

func (r *run) askToken() sfmc.Verdict {
	secret, err := r.p.secret(r.ctx, r.cred.SecretRef)
	if err != nil {
		return unreadable("The secret's reference cannot be read.", err, "Look whether the reference exists and this process may read it.")
	}
	r.ctx = sfmc.Hiding(r.ctx, secret)
	ask := sfmc.TokenRequest{ClientID: r.cred.ClientID, Secret: secret, AccountID: r.cred.BusinessUnit, Scopes: r.cred.Scopes}
	var v sfmc.Verdict
	if r.cred.Kind == keepwatch.LegacyPackage {
		r.token, v = r.p.client.LegacyToken(r.ctx, r.plan.endpoints, ask)
	} else {
		r.token, v = r.p.client.Token(r.ctx, r.plan.endpoints, ask)
	}
	r.proven = v.OK()
	r.ctx = sfmc.Hiding(r.ctx, r.token.Access)
	r.login = sfmc.Login{Token: r.token.Access, Legacy: r.token.Legacy}
	if v.Outcome == keepwatch.BadSecretOrPackage && r.cred.Deadline.Passed(r.at) {
		return v.As("secret_expired")
	}
	return v
}

func (r *run) askIdentity() sfmc.Verdict {
	if r.cred.Kind == keepwatch.APIUser {
		return r.askLogin()
	}
	id, v := r.identity()
	r.id = id
	return v
}

// identity is the proof of a token. Legacy tokens know no userinfo, and a stack
// without it answers 404: then tokenContext says the same.
func (r *run) identity() (id sfmc.Identity, v sfmc.Verdict) {
	if r.cred.Kind != keepwatch.LegacyPackage {
		id, v = r.p.client.Userinfo(r.ctx, r.plan.endpoints, r.token.Access)
		if v.HTTPStatus != 404 {
			return id, v
		}
	}
	return r.p.client.TokenContext(r.ctx, r.plan.endpoints, r.token.Access)
}

// askLogin proves name and password of an API user. A user that may not read
// business units has logged in all the same.
func (r *run) askLogin() sfmc.Verdict {
	password, err := r.p.secret(r.ctx, r.cred.SecretRef)
	if err != nil {
		return unreadable("The password's reference cannot be read.", err, "Look whether the reference exists and this process may read it.")
	}
	if r.cred.Username == "" {
		return ours("The API user has no user name.", "", "Set username in the credential's definition.")
	}
	r.login = sfmc.Login{Username: r.cred.Username, Password: password}
	_, v := r.p.client.Retrieve(r.ctx, r.plan.endpoints, r.login,
		sfmc.Retrieve{Object: "BusinessUnit", Properties: []string{"ID"}, BatchSize: 1, MaxPages: 1})
	if v.Outcome == keepwatch.ScopeMissing {
		v = sfmc.Verdict{Outcome: keepwatch.OK, HTTPStatus: v.HTTPStatus, Evidence: "logged in; business units may not be read"}
	}
	r.proven = v.OK()
	return v
}

func (r *run) test(t *sfmc.Test) {
	r.do(t.Name, func() sfmc.Verdict {
		v := r.p.client.Run(r.ctx, r.plan.endpoints, r.token.Access, r.login, *t)
		if !v.Ambiguous {
			return v
		}
		return r.decide(v, t.Scope)
	})
}

// decide tells what a 401 with a fresh token means: SFMC gives the same answer
// for a dead token and for a scope that is missing. The identity route needs no
// scope, so it knows.
func (r *run) decide(v sfmc.Verdict, scope string) sfmc.Verdict {
	_, again := r.identity()
	switch {
	case again.OK():
		return v.As("scope_missing_401").ForScope(scope)
	case again.Outcome == keepwatch.TokenRejected:
		v.Ambiguous = false
		return v
	}
	again.Message = "The route refused the token, and the identity route, which tells a dead token from a missing scope, did not answer."
	return again
}

// secret reads a reference. An empty secret is never sent: the refusal would be
// counted as the credential's.
func (p *Prober) secret(ctx context.Context, ref string) (keepwatch.Secret, error) {
	s, err := p.secrets.Resolve(ctx, ref)
	if err == nil && s.Empty() {
		err = keepwatch.WithHint(errEmpty, "Put the secret where the reference points to.")
	}
	return s, err
}
