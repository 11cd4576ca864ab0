package store

import (
	"encoding/json"
	"sync"

	"keepwatch"
)

const (
	// largeDoc is from which size on the decoded form of an open incident is kept: one
	// of thousands of effects is read by every Apply of its tenant, and seldom changed.
	largeDoc = 32 << 10
	// mostLarge is how many are kept.
	mostLarge = 16
)

// large keeps large incidents decoded, by their documents. Steps do not change what they
// are given, so the values are shared.
type large struct {
	mu   sync.Mutex
	kept map[string]keepwatch.Incident
}

func (l *large) decode(doc []byte) (in keepwatch.Incident, err error) {
	if len(doc) < largeDoc {
		err = json.Unmarshal(doc, &in)
		return in, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if in, ok := l.kept[string(doc)]; ok {
		return in, nil
	}
	if err = json.Unmarshal(doc, &in); err != nil {
		return in, err
	}
	for text, old := range l.kept {
		if old.ID == in.ID || len(l.kept) >= mostLarge { // of the same incident, or one of too many
			delete(l.kept, text)
		}
	}
	if l.kept == nil {
		l.kept = map[string]keepwatch.Incident{}
	}
	l.kept[string(doc)] = in
	return in, nil
}
