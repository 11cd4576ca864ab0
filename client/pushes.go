package client

import (
	"context"
	"net/url"
	"strings"
)

// PushLines pushes lines of a log, as a source of the configuration.
func (c *Client) PushLines(ctx context.Context, source string, lines ...string) (LinesTaken, error) {
	var out LinesTaken
	err := c.upload(ctx, "/api/v1/logs", url.Values{"source": {source}}, strings.NewReader(strings.Join(lines, "\n")), &out)
	return out, err
}
