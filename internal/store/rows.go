package store

import (
	"context"
	"strconv"
	"strings"
)

// steps are the sizes of multi-row statements. A group of 100 is one statement,
// any other number a few; more sizes would only fill statement caches.
var steps = [...]int{100, 25, 5, 1}

// shape is a multi-row statement: a head, n rows of placeholders, a tail.
type shape struct {
	head string
	row  string // "?" stands for the next placeholder
	tail string
}

// text renders the statement for n rows. SQLite gets plain question marks here: $1
// is a *name* to it, the driver asks for the name of every parameter, and each
// answer walks the list of all names. With 900 of them that took a fifth of Apply.
func (s *shape) text(n int, numbered bool) string {
	var b strings.Builder
	b.Grow(len(s.head) + len(s.tail) + n*len(s.row)*2)
	b.WriteString(s.head)
	arg := 0
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, c := range []byte(s.row) {
			if c != '?' {
				b.WriteByte(c)
				continue
			}
			if !numbered {
				b.WriteByte('?')
				continue
			}
			arg++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(arg))
		}
	}
	b.WriteString(s.tail)
	return b.String()
}

// key of a rendered statement.
type shapeKey struct {
	shape *shape
	rows  int
}

func (db *DB) text(s *shape, n int) string {
	key := shapeKey{s, n}
	if text, ok := db.sqlText.Load(key); ok {
		return text.(string)
	}
	text := s.text(n, db.dialect == postgresDialect)
	db.sqlText.Store(key, text)
	return text
}

// chunks calls fn for consecutive parts of 0…n whose sizes are all in steps.
func chunks(n int, fn func(from, to int) error) error {
	at := 0
	for _, size := range steps {
		for n-at >= size {
			if err := fn(at, at+size); err != nil {
				return err
			}
			at += size
		}
	}
	return nil
}

// insert writes n rows whose arguments stand one after the other in args.
func (db *DB) insert(ctx context.Context, t *tx, s *shape, n int, args []any) (int64, error) {
	if n == 0 {
		return 0, nil
	}
	width, total := len(args)/n, int64(0)
	err := chunks(n, func(from, to int) error {
		affected, err := t.exec(ctx, db.text(s, to-from), args[from*width:to*width]...)
		total += affected
		return err
	})
	return total, err
}
