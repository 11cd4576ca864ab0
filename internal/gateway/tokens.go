package gateway

import (
	"container/list"
	"time"

	"keepwatch"
)

// maxTokens bounds how many tokens are remembered: 100,000 holders that each have one
// token, or five that ask for one each second.
const maxTokens = 100_000

// owner is whose a token is.
type owner struct {
	tenant     keepwatch.TenantID
	credential keepwatch.CredentialID
	client     string
	holder     string
}

// tokens remembers whose token is whose until it ends, by keyed hash: the tokens
// themselves are not kept. Only the watcher uses it. The one that was used longest
// ago goes first when there is no room.
type tokens struct {
	byHash map[[16]byte]*list.Element
	used   *list.List // front: used last
}

type token struct {
	hash  [16]byte
	owner owner
	until time.Time
}

func newTokens() *tokens { return &tokens{byHash: map[[16]byte]*list.Element{}, used: list.New()} }

func (t *tokens) put(hash [16]byte, who owner, until, now time.Time) {
	if e, ok := t.byHash[hash]; ok {
		t.drop(e)
	}
	for oldest := t.used.Back(); oldest != nil && (t.used.Len() >= maxTokens || oldest.Value.(*token).until.Add(ended).Before(now)); oldest = t.used.Back() {
		t.drop(oldest)
	}
	t.byHash[hash] = t.used.PushFront(&token{hash, who, until})
}

func (t *tokens) get(hash [16]byte, now time.Time) (owner, bool) {
	e, ok := t.byHash[hash]
	if !ok {
		return owner{}, false
	}
	// A token that has ended is asked with all the same, and refused: that is the call
	// which has to be tied to its owner. It stays as long again.
	entry := e.Value.(*token)
	if now.After(entry.until.Add(ended)) {
		t.drop(e)
		return owner{}, false
	}
	t.used.MoveToFront(e)
	return entry.owner, true
}

// ended is how long a token is remembered after its end.
const ended = 20 * time.Minute

func (t *tokens) drop(e *list.Element) {
	delete(t.byHash, e.Value.(*token).hash)
	t.used.Remove(e)
}
