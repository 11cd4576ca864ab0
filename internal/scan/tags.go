package scan

import (
	"fmt"
	"strings"
)

const maxTags = 64

// parseTags reads the list of tags that DKIM and DMARC are written in: a=b; c=d.
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("%q is no tag", clean(part, 60))
		}
		if _, twice := tags[name]; twice {
			return nil, fmt.Errorf("the tag %s stands twice", clean(name, 20))
		}
		if len(tags) == maxTags {
			return nil, fmt.Errorf("it has more than %d tags", maxTags)
		}
		tags[name] = strings.TrimSpace(value)
	}
	return tags, nil
}
