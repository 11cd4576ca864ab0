package store

import (
	"embed"
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// dialect is all that differs between the two databases, apart from how they are
// opened. The SQL text is shared: $1 … $n, ON CONFLICT and RETURNING mean the same
// in both.
type dialect struct {
	name   string
	goose  goose.Dialect
	folder string

	// Row locks. SQLite has one writer at a time (BEGIN IMMEDIATE) and refuses
	// the words.
	forUpdate  string
	skipLocked string
	// again reports an error after which the same transaction may well succeed.
	again func(error) bool
	// full reports that the disk has no room.
	full func(error) bool
	// duplicate reports a violated unique key.
	duplicate func(error) bool
}

func (d *dialect) migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations/"+d.folder) }

var sqliteDialect = &dialect{
	name: "sqlite", goose: goose.DialectSQLite3, folder: "sqlite",
	again:     func(err error) bool { return sqliteCode(err) == sqlitelib.SQLITE_BUSY },
	full:      sqliteFull,
	duplicate: func(err error) bool { return sqliteCode(err) == sqlitelib.SQLITE_CONSTRAINT },
}

// sqliteFull knows a full disk also by the shared memory file that cannot grow.
func sqliteFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlitelib.SQLITE_FULL || e.Code() == sqlitelib.SQLITE_IOERR_SHMSIZE)
}

// sqliteCode is the primary result code, 0 for other errors.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

var postgresDialect = &dialect{
	name: "postgres", goose: goose.DialectPostgres, folder: "postgres",
	forUpdate:  " FOR UPDATE",
	skipLocked: " FOR UPDATE SKIP LOCKED",
	again: func(err error) bool {
		switch code := postgresCode(err); code {
		case "40001", "40P01", "55P03": // serialisation failure, deadlock, lock not available
			return true
		case "":
			return pgconn.SafeToRetry(err)
		default:
			return strings.HasPrefix(code, "57P") // the server is going down or coming up
		}
	},
	full:      func(err error) bool { return postgresCode(err) == "53100" },
	duplicate: func(err error) bool { return postgresCode(err) == "23505" },
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
