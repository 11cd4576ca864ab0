package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/report"
)

func TestReports(t *testing.T) {
	d := start(t)
	inc := d.failing("cred-00")
	bearer := "Bearer " + d.viewer
	month := inc.DetectedAt.UTC().Format("2006-01") // it may be the one before this
	for _, path := range []string{"/api/v1/incidents/" + string(inc.ID) + "/report", "/api/v1/reports/" + month} {
		for _, f := range report.Formats {
			res, body := d.do(http.MethodGet, path+"?format="+string(f), "", "Authorization", bearer)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != f.ContentType() || !strings.Contains(body, "cred-00") {
				t.Errorf("%s as %s: %d %s\n%s", path, f, res.StatusCode, res.Header.Get("Content-Type"), body)
			}
			if got := res.Header.Get("Content-Security-Policy"); got != report.Policy {
				t.Errorf("%s as %s may do %q", path, f, got)
			}
			if got := res.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `inline; filename="keepwatch-`) || !strings.HasSuffix(got, "."+string(f)+`"`) {
				t.Errorf("%s as %s is called %s", path, f, got)
			}
		}
		if _, body := d.do(http.MethodGet, path, "", "Authorization", bearer); !strings.HasPrefix(body, "# ") {
			t.Errorf("%s is no Markdown by itself: %.60s", path, body)
		}
		if res, _ := d.do(http.MethodGet, path, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, res.StatusCode)
		}
	}
	for path, want := range map[string]int{
		"/api/v1/incidents/nothing/report": http.StatusNotFound, "/api/v1/reports/2026-13": http.StatusBadRequest, "/api/v1/reports/november": http.StatusBadRequest,
		"/api/v1/reports/" + month + "?format=pdf": http.StatusBadRequest, "/api/v1/reports/2020-01": http.StatusOK,
	} {
		res, body := d.do(http.MethodGet, path, "", "Authorization", bearer)
		if res.StatusCode != want || want != http.StatusOK && !strings.Contains(body, `"error":{`) {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	c := d.client(d.viewer)
	if doc, err := c.Report(t.Context(), string(inc.ID), "json"); err != nil || !strings.Contains(string(doc), `"schema_version": 1`) {
		t.Errorf("%s, %v", doc, err)
	}
	if _, err := c.MonthReport(t.Context(), "2026-99", "md"); err == nil {
		t.Error("a month that is none was reported")
	}
}

func TestBacktestIsForAdministrators(t *testing.T) {
	var asked client.BacktestRequest
	d := start(t, func(o *httpapi.Options) {
		o.Backtest = func(_ context.Context, r client.BacktestRequest, _ time.Time) (client.Backtest, error) {
			asked = r
			return client.Backtest{SchemaVersion: 1, Parts: []client.BacktestPart{}}, nil
		}
	})
	request := client.BacktestRequest{Days: 7, Files: []client.ConfigFile{{Name: "new.yaml", Text: strings.Repeat("# a long file\n", 20_000)}}}
	if _, err := d.client(d.operator).Backtest(t.Context(), request); err == nil {
		t.Error("an operator may")
	}
	if _, err := d.client(d.admin).Backtest(t.Context(), request); err != nil || asked.Days != 7 || asked.Files[0].Text != request.Files[0].Text {
		t.Errorf("%v, %d days", err, asked.Days)
	}
	request.Days = 91
	if _, err := d.client(d.admin).Backtest(t.Context(), request); err == nil {
		t.Error("91 days were taken")
	}
}
