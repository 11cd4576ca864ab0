package collect

import (
	"cmp"
	"slices"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// sends looks at triggered sends: their states and their counters, each in one list.
func (l *look) sends() {
	wanted := l.wanted(keepwatch.SubjectTriggeredSend)
	if len(wanted) == 0 && !l.job.All {
		return
	}
	var definitions []sfmc.TriggeredSend
	var listed sfmc.Listing
	v := l.ask(request{route: RouteTriggeredSends}, rows(func(s *session) (_ sfmc.Listing, v sfmc.Verdict) {
		definitions, listed, v = l.c.client.TriggeredSends(s.ctx, l.endpoints, s.login)
		return listed, v
	}))
	if !v.OK() {
		l.failed("triggered sends", v)
		return
	}
	l.unit.learn(func(s *Sizes) { s.Sends = len(definitions) })
	sums, read := l.summaries()
	there := map[string]bool{}
	for _, d := range definitions {
		w, named := wanted[d.Key]
		s, counted := sums[d.Key]
		if there[d.Key] = true; !named && (!l.job.All || !alive(d, s)) {
			continue
		}
		w.Subject = cmp.Or(w.Subject, keepwatch.Subject{Kind: keepwatch.SubjectTriggeredSend, Key: d.Key, Unit: l.job.Unit})
		w.Subject.Name = cmp.Or(w.Subject.Name, d.Name)
		if !read {
			continue // without counters there is nothing to judge
		}
		r := keepwatch.SendReading{Status: d.Status}
		if counted {
			r.Queued, r.Sent, r.NotSent = s.Queued, s.Sent, s.Errors
		}
		l.seen(w, keepwatch.AspectQueue, keepwatch.Reading{Send: &r}, l.every)
		l.seen(w, keepwatch.AspectVolume, keepwatch.Reading{Send: &r}, l.every)
	}
	if listed.Complete {
		for _, key := range sortedKeys(wanted) {
			if !there[key] {
				l.lose("there is no triggered send with the key "+key, "compare the key with the triggered send's properties (External Key); a name is not a key")
			}
		}
	}
}

// alive leaves out what nobody uses: neither active nor with anything in its queue.
func alive(d sfmc.TriggeredSend, s sfmc.SendSummary) bool {
	return slices.Contains([]string{"Active", "Inactive"}, d.Status) && (d.Status == "Active" || (s.Queued != nil && *s.Queued > 0))
}

func (l *look) summaries() (map[string]sfmc.SendSummary, bool) {
	var list []sfmc.SendSummary
	v := l.ask(request{route: RouteSendSummary}, rows(func(s *session) (listed sfmc.Listing, v sfmc.Verdict) {
		list, listed, v = l.c.client.SendSummaries(s.ctx, l.endpoints, s.login)
		return listed, v
	}))
	if !v.OK() {
		l.failed("the counters of triggered sends", v)
		return nil, false
	}
	out := map[string]sfmc.SendSummary{}
	for _, s := range list {
		out[s.Key] = s
	}
	return out, true
}
