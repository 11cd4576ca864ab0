package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/scan"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

const (
	scanLimit    = 50 * time.Second // within a run of the schedule, and within a minute for people
	scansAtOnce  = 2
	scanSaveTime = 10 * time.Second
	scanLost     = 3 * time.Minute // after which a scan that nobody makes any more is lost
)

// scanDoc is how a scan is kept.
type scanDoc struct {
	By       string        `json:"by,omitempty"`
	Started  time.Time     `json:"started"`
	Done     bool          `json:"done"`
	Report   scan.Report   `json:"report"`
	Standing scan.Standing `json:"standing,omitempty"`
}

// scans are the looks from outside, those that people ask for and those of the
// schedule. They never connect to an address that is not public: whoever may ask for
// one must not reach what stands behind the daemon's firewall.
type scans struct {
	app    *App
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	running map[string]*scanDoc
	ended   bool
}

func newScans(a *App) *scans {
	s := &scans{app: a, running: map[string]*scanDoc{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	a.lifecycle.onStop("scans", func(context.Context) error {
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		s.cancel()
		s.group.Wait()
		return nil
	})
	return s
}

func (s *scans) options() scan.Options {
	return scan.Options{Network: s.app.opts.Network, Resolver: s.app.config.Load().Server.Resolver, Limit: scanLimit}
}

// Start begins a scan that somebody asked for, and returns at once.
func (s *scans) Start(ctx context.Context, n client.NewScan, by string) (client.Scan, error) {
	targets, err := scan.ParseTargets(n.Targets)
	if err != nil {
		return client.Scan{}, err
	}
	request := scan.Request{Targets: targets}
	if n.Generated != "" {
		if request.Generated, err = keepwatch.ParseDate(n.Generated); err != nil {
			return client.Scan{}, err
		}
	}
	doc := &scanDoc{By: by, Started: time.Now().UTC().Truncate(time.Millisecond)}
	for _, t := range targets {
		doc.Report.Targets = append(doc.Report.Targets, t.Name)
	}
	doc.Report.SchemaVersion, doc.Report.Target, doc.Report.At = 1, strings.Join(doc.Report.Targets, ", "), doc.Started
	id := keepwatch.Digest(rand.Text())
	if err := s.enter(id, doc); err != nil {
		return client.Scan{}, err
	}
	if err := s.save(ctx, id, "", *doc); err != nil {
		s.leave(id)
		return client.Scan{}, err
	}
	out := scanOf(id, "running", *doc)
	s.group.Go(func() { s.make(id, request) })
	return out, nil
}

func (s *scans) enter(id string, doc *scanDoc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return fmt.Errorf("the daemon is ending: %w", keepwatch.ErrUnavailable)
	case len(s.running) >= scansAtOnce:
		return keepwatch.WithHint(fmt.Errorf("%d scans are under way: %w", len(s.running), keepwatch.ErrConflict), "wait until one is done, at most a minute")
	}
	s.running[id] = doc
	return nil
}

func (s *scans) leave(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

// make runs the scan and keeps what it found.
func (s *scans) make(id string, request scan.Request) {
	request.Tell = func(f scan.Finding) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if doc := s.running[id]; doc != nil {
			doc.Report.Findings = append(doc.Report.Findings, f)
		}
	}
	report := scan.Run(s.ctx, s.options(), request)
	s.mu.Lock()
	doc := scanDoc{By: s.running[id].By, Started: s.running[id].Started, Done: true, Report: report}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), scanSaveTime)
	defer cancel()
	if err := s.save(ctx, id, "", doc); err != nil {
		s.app.log.Error("a scan could not be kept", "scan", id, "error", err)
	}
	s.leave(id)
}

func (s *scans) save(ctx context.Context, id string, check keepwatch.CheckID, doc scanDoc) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return s.app.db.SaveScan(ctx, store.Scan{ID: id, At: doc.Started, Scheduled: check, Doc: raw})
}

// Get reads one scan, also while it runs.
func (s *scans) Get(ctx context.Context, id string) (client.Scan, error) {
	s.mu.Lock()
	if doc := s.running[id]; doc != nil {
		now := *doc
		now.Report.Findings = append([]scan.Finding{}, doc.Report.Findings...)
		s.mu.Unlock()
		now.Report.Order()
		return scanOf(id, "running", now), nil
	}
	s.mu.Unlock()
	doc, err := s.read(ctx, id)
	if err != nil {
		return client.Scan{}, err
	}
	return scanOf(id, statusOf(doc), doc), nil
}

func (s *scans) read(ctx context.Context, id string) (scanDoc, error) {
	row, err := s.app.db.Scan(ctx, id)
	if err != nil {
		return scanDoc{}, err
	}
	return decodeScan(row)
}

func decodeScan(row store.Scan) (scanDoc, error) {
	var doc scanDoc
	if err := json.Unmarshal(row.Doc, &doc); err != nil {
		return doc, fmt.Errorf("scan %q is damaged: %w", row.ID, err)
	}
	return doc, nil
}

// statusOf tells a scan that another node makes from one that nobody makes any more.
func statusOf(doc scanDoc) string {
	switch {
	case doc.Done:
		return "done"
	case time.Since(doc.Started) > scanLost:
		return "lost"
	}
	return "running"
}

func scanOf(id, status string, doc scanDoc) client.Scan {
	return client.Scan{ID: id, Status: status, By: doc.By, StartedAt: doc.Started.UTC(), Report: view.ScanReportOf(doc.Report)}
}

// List names the newest scans.
func (s *scans) List(ctx context.Context) ([]client.ScanBrief, error) {
	rows, err := s.app.db.Scans(ctx)
	if err != nil {
		return nil, err
	}
	out := []client.ScanBrief{}
	for _, row := range rows {
		doc, err := decodeScan(row)
		if err != nil {
			return nil, err
		}
		out = append(out, client.ScanBrief{
			ID: row.ID, Status: statusOf(doc), By: doc.By, StartedAt: doc.Started.UTC(), Target: doc.Report.Target, Summary: client.ScanSummary(doc.Report.Summary),
		})
	}
	return out, nil
}

// Page is the report as one page that can be sent to a colleague.
func (s *scans) Page(ctx context.Context, id string) ([]byte, error) {
	doc, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if !doc.Done {
		return nil, keepwatch.WithHint(fmt.Errorf("the scan is not done: %w", keepwatch.ErrConflict), "wait until it is, at most a minute")
	}
	return scan.HTML(doc.Report)
}

// scanID names the newest scan of a scheduled target.
func scanID(check keepwatch.CheckID) string { return keepwatch.Digest(string(check)) }

// scheduled makes one scan of the schedule, and compares it with the one before.
func (s *scans) scheduled(ctx context.Context, cfg *config.Config, slot keepwatch.Slot) []keepwatch.Observation {
	wanted, ok := cfg.ScanOf(slot.Check.ID)
	if !ok {
		return []keepwatch.Observation{s.app.gone(slot)}
	}
	id := scanID(slot.Check.ID)
	before, err := s.read(ctx, id)
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return []keepwatch.Observation{s.app.couldNot(slot, "The scan before could not be read.", "Look at the store.")}
	}
	report := scan.Run(ctx, s.options(), scan.Request{Targets: []scan.Target{wanted.Target}})
	if before.Done {
		at := before.Report.At
		report.Since, report.Changes = &at, scan.Compare(before.Report, report)
	}
	standing, found := scan.Observe(slot, report, before.Standing, cfg.Tiers[keepwatch.Standard].ExpiryLadder)
	doc := scanDoc{Started: report.At, Done: true, Report: report, Standing: standing}
	if err := s.save(ctx, id, slot.Check.ID, doc); err != nil {
		// Without it the next scan would compare with an older one and say all again.
		s.app.log.Error("a scan could not be kept", "check", slot.Check.ID, "error", err)
		return []keepwatch.Observation{s.app.couldNot(slot, "The scan could not be kept.", "Look at the store.")}
	}
	return found
}
