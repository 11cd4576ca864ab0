package web

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// Alerts knows who is told of what, and of what nobody is told for a while.
type Alerts interface {
	Explain(ctx context.Context, q view.Question) (client.Explanation, error)
	Routes(ctx context.Context) []client.Route
	Receivers(ctx context.Context) []client.Receiver
	TestReceiver(ctx context.Context, name string) (string, error)
	Covered(ctx context.Context, m keepwatch.Match) ([]keepwatch.Incident, error)
	Silences(ctx context.Context, past bool, now time.Time) ([]keepwatch.Silence, error)
	Silence(ctx context.Context, s keepwatch.Silence) error
	EndSilence(ctx context.Context, id, by string, now time.Time) (keepwatch.Silence, error)
}

const messageRows = 50

func (s *site) alertPages() {
	if s.Alerts == nil {
		return
	}
	s.mux.HandleFunc("GET /alerts", s.page(s.alerts))
	s.mux.HandleFunc("POST /alerts/receivers/{name}/test", s.page(s.testReceiver))
	s.mux.HandleFunc("GET /alerts/explain", s.page(s.explain))
	s.mux.HandleFunc("GET /alerts/silences", s.page(s.silences))
	s.mux.HandleFunc("POST /alerts/silences", s.page(s.newSilence))
	s.mux.HandleFunc("POST /alerts/silences/{id}/end", s.page(s.endSilence))
	s.mux.HandleFunc("GET /alerts/windows", s.page(s.windows))
	s.mux.HandleFunc("GET /alerts/messages", s.page(s.messages))
}

func mayOperate(r *http.Request) bool {
	return auth.Require(view.PrincipalOf(r.Context()), auth.Operator) == nil
}

type alertsBody struct {
	Tab       string
	Receivers []receiverRow
	Routes    []client.Route
	Trouble   int // receivers that fail
	Tested    *tested
}

// receiverRow is a receiver, and whether the visitor may try it.
type receiverRow struct {
	client.Receiver
	May bool
}

// tested is what came of a test message.
type tested struct{ Receiver, Receipt, Problem, Hint string }

func (s *site) alerts(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.alertsPage(r, nil)
}

// receivers are those that concern the visitor.
func (s *site) receivers(r *http.Request) ([]client.Receiver, error) {
	ctx := r.Context()
	return s.Reader.Receivers(ctx, view.PrincipalOf(ctx), s.Alerts.Receivers(ctx), s.Alerts.Routes(ctx))
}

func (s *site) alertsPage(r *http.Request, t *tested) (*page, error) {
	who, routes := view.PrincipalOf(r.Context()), s.Alerts.Routes(r.Context())
	b := alertsBody{Tab: "receivers", Routes: s.Reader.Routes(who, routes), Tested: t}
	list, err := s.receivers(r)
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		b.Receivers = append(b.Receivers, receiverRow{x, mayOperate(r) && s.Reader.MayTest(who, x.Name, routes) == nil})
		if x.FailingSince != nil {
			b.Trouble++
		}
	}
	p := &page{Template: "alerts", Title: "Alerts", Section: "alerts", Now: time.Now(), Body: b}
	if t == nil {
		p.Refresh = refreshEvery
	}
	return p, nil
}

// testReceiver sends a message and shows what came of it beside the receiver.
func (s *site) testReceiver(_ http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	t := &tested{Receiver: r.PathValue("name")}
	if err := s.Reader.MayTest(who, t.Receiver, s.Alerts.Routes(r.Context())); err != nil {
		return nil, err
	}
	var err error
	if t.Receipt, err = s.Alerts.TestReceiver(r.Context(), t.Receiver); err != nil {
		f := view.FailureOf(err)
		if f.Status == http.StatusNotFound {
			return nil, err
		}
		t.Problem, t.Hint = f.Message, f.Hint
		for _, x := range s.Alerts.Receivers(r.Context()) {
			if x.Name == t.Receiver {
				t.Problem = cmp.Or(x.LastError, t.Problem) // what the receiver said, without secrets
			}
		}
	}
	return s.alertsPage(r, t)
}

type explainBody struct {
	Tab         string
	Credential  string
	Outcome     string
	At          string
	Credentials []string
	Outcomes    []string
	Problem     string
	Hint        string
	Field       string // that the problem is about
	Answer      *client.Explanation
}

// explain answers in the form's own page. Without a credential nothing was asked yet.
func (s *site) explain(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	b := explainBody{Tab: "explain", Credential: q.Get("credential"), Outcome: cmp.Or(q.Get("outcome"), string(keepwatch.BadSecretOrPackage)), At: q.Get("at"), Credentials: s.read(r).CredentialIDs()}
	for _, o := range keepwatch.Outcomes {
		if o.Outcome != keepwatch.OK && o.Outcome != keepwatch.Skipped {
			b.Outcomes = append(b.Outcomes, string(o.Outcome))
		}
	}
	p := &page{Template: "explain", Title: "Who would be told", Section: "alerts", Now: time.Now()}
	if b.Credential != "" {
		at, err := instantOf(b.At, p.Now)
		if err != nil {
			b.Field = "at"
		} else {
			var x client.Explanation
			if x, err = s.explained(r, view.Question{Credential: keepwatch.CredentialID(b.Credential), Outcome: keepwatch.Outcome(b.Outcome), At: at}); err == nil {
				b.Answer = &x
			}
		}
		if err != nil {
			f := view.FailureOf(err)
			if f.Status >= http.StatusInternalServerError {
				return nil, err
			}
			b.Problem, b.Hint, p.Status = f.Message, f.Hint, f.Status
		}
	}
	p.Body = b
	return p, nil
}

// explained asks about a credential in sight.
func (s *site) explained(r *http.Request, q view.Question) (client.Explanation, error) {
	ctx := r.Context()
	who := view.PrincipalOf(ctx)
	if err := s.Reader.May(who, auth.Viewer, q.Credential); err != nil {
		return client.Explanation{}, err
	}
	x, err := s.Alerts.Explain(ctx, q)
	return s.Reader.Explained(who, x, s.Alerts.Routes(ctx)), err
}

type messagesBody struct {
	Tab       string
	Filter    view.DeliveryFilter
	Receivers []client.Receiver
	Statuses  []string
	Items     []client.LoggedDelivery
	Next      string
}

func (s *site) messages(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	f := view.DeliveryFilter{Incident: keepwatch.IncidentID(q.Get("incident")), Receiver: q.Get("receiver"), Status: keepwatch.DeliveryStatus(q.Get("status"))}
	list, err := s.read(r).DeliveryLog(r.Context(), f, view.Page{Limit: messageRows, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	receivers, err := s.receivers(r)
	if err != nil {
		return nil, err
	}
	b := messagesBody{Tab: "messages", Filter: f, Receivers: receivers, Statuses: []string{"pending", "gathered", "sent", "collapsed", "dead"}, Items: list.Items}
	if list.Next != nil {
		b.Next = *list.Next
	}
	return &page{Template: "messages", Title: "Messages", Section: "alerts", Refresh: refreshEvery, Now: time.Now(), Body: b}, nil
}
