// Command pages measures the pages of many things: an estate of ten thousand credentials on
// SQLite with as much history as is kept, looked at while proofs come in. It says how long
// the server takes, how much a page transfers, and when a browser paints.
//
//	go run ./bench/pages [-credentials 10000] [-tenants 20] [-units 20] [-raw 7] [-hourly 90] [-daily 730] [-looks 400] [-dir DIR]
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

var (
	credentials = flag.Int("credentials", 10_000, "how many credentials")
	tenants     = flag.Int("tenants", 20, "how many tenants")
	units       = flag.Int("units", 20, "how many business units of each")
	raw         = flag.Int("raw", 7, "days of single runs")
	hourly      = flag.Int("hourly", 90, "days of hours")
	daily       = flag.Int("daily", 730, "days of days")
	looks       = flag.Int("looks", 400, "how often each page is asked for")
	dir         = flag.String("dir", "", "where the database is made; a fresh one is removed again, a named one is kept and used again")
	profile     = flag.String("profile", "", "where a profile of the processor is put")
	only        = flag.String("only", "", "the one page to ask for")
	paint       = flag.Bool("paint", true, "open the front page in chromium")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	folder := *dir
	if folder == "" {
		made, err := os.MkdirTemp("", "keepwatch-bench")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(made) }()
		folder = made
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	path := filepath.Join(folder, "keepwatch.db")
	e := newEstate()
	if _, err := os.Stat(path); err != nil {
		began := time.Now()
		if err := e.seed(ctx, path); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf("seeded %d credentials in %s: %.1f GB\n", *credentials, time.Since(began).Round(time.Second), float64(info.Size())/1e9)
	}
	db, err := store.Open(ctx, "sqlite:"+path, store.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// The states are from when it was seeded; all are proven once, so that they are fresh.
	if err := e.proveAll(ctx, db); err != nil {
		return err
	}
	h := handler(db, e)
	began := time.Now()
	if _, _, _, err := look(h, "/"); err != nil {
		return err
	}
	fmt.Printf("first look after the start: %s\n", time.Since(began).Round(time.Millisecond))
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	stop := e.live(ctx, db)
	defer stop()
	for _, path := range some([]string{
		"/", "/?group=owner", "/?tenant=tenant-03", "/?state=healthy&page=40", "/expiring", "/expiring?within=180d&view=date", "/inventory", "/inventory?sort=ends&desc=true&page=90", "/inventory?q=777",
		"/api/v1/overview", "/api/v1/credentials?limit=50", "/api/v1/inventory", "/credentials/credential-00777",
	}) {
		if err := measure(h, path); err != nil {
			return err
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	fmt.Printf("heap after a collection: %d MB\n", m.HeapAlloc>>20)
	if !*paint {
		return nil
	}
	return paints(h)
}

func some(all []string) []string {
	if *only != "" {
		return []string{*only}
	}
	return all
}

func handler(db *store.DB, e *estate) http.Handler {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	reader := view.NewReader(view.From(db), func() view.Snapshot { return e.snap })
	return httpapi.New(httpapi.Options{
		Logger: logger, Version: "bench", Reader: reader, Incidents: db, Metrics: http.NotFoundHandler(),
		Health: func(context.Context) client.Health { return client.Health{Status: "ok"} },
		Pages:  web.New(web.Options{Logger: logger, Version: "bench", Reader: reader, Incidents: db}),
	})
}

// look asks for one page and says how long the server took, by the clock on the wall and by
// the processor: on a shared machine the wall measures the neighbours.
func look(h http.Handler, path string) (took, cpu time.Duration, body []byte, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	w := httptest.NewRecorder()
	began, used := time.Now(), threadTime()
	h.ServeHTTP(w, r)
	took, cpu = time.Since(began), threadTime()-used
	if w.Code != http.StatusOK {
		return 0, 0, nil, fmt.Errorf("%s answers %d: %.300s", path, w.Code, w.Body.String())
	}
	return took, cpu, w.Body.Bytes(), nil
}

func threadTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measure(h http.Handler, path string) error {
	took, cpu := make([]time.Duration, *looks), make([]time.Duration, *looks)
	var body []byte
	for i := range took {
		var err error
		if took[i], cpu[i], body, err = look(h, path); err != nil {
			return err
		}
	}
	slices.Sort(took)
	slices.Sort(cpu)
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, _ = z.Write(body)
	_ = z.Close()
	at := func(list []time.Duration, share float64) time.Duration {
		return list[min(len(list)-1, int(share*float64(len(list))))].Round(100 * time.Microsecond)
	}
	fmt.Printf("%-42s processor p50 %7s p99 %7s, wall p50 %7s p99 %7s, %6.1f KiB, compressed %5.1f KiB\n",
		path, at(cpu, 0.5), at(cpu, 0.99), at(took, 0.5), at(took, 0.99), float64(len(body))/1024, float64(small.Len())/1024)
	return nil
}
