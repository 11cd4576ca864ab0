package client

import (
	"context"
	"net/http"
	"net/url"
)

// StartScan asks for a look from outside; it answers before the scan is done.
func (c *Client) StartScan(ctx context.Context, n NewScan) (Scan, error) {
	return call[Scan](ctx, c, http.MethodPost, "/api/v1/scans", nil, n)
}

// Scan reads one scan, also while it runs.
func (c *Client) Scan(ctx context.Context, id string) (Scan, error) {
	return call[Scan](ctx, c, http.MethodGet, "/api/v1/scans/"+url.PathEscape(id), nil, nil)
}

// Scans lists the newest scans.
func (c *Client) Scans(ctx context.Context) (Page[ScanBrief], error) {
	return call[Page[ScanBrief]](ctx, c, http.MethodGet, "/api/v1/scans", nil, nil)
}
