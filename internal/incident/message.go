package incident

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"keepwatch"
)

// namedMembers is how many credentials a sentence names before it counts.
const namedMembers = 3

// sentence says in one sentence what is wrong. A single credential's own message
// is the most precise there is; of a crowd only the cause holds for everybody.
func sentence(in *keepwatch.Incident, own string) string {
	who := names(in)
	what := in.Outcome.Info().Meaning
	if len(activeCredentials(in)) <= 1 && own != "" {
		return clip(join(who, own), maxSentence)
	}
	if in.Outcome.Info().Assumed {
		what = "probably " + what
	}
	return clip(join(who, what), maxSentence)
}

// maxSentence keeps an incident's message within what intake allows for one.
const maxSentence = 500

func join(who, what string) string {
	if who == "" {
		return what
	}
	return who + ": " + what
}

// names lists the members that still fail, or counts them.
func names(in *keepwatch.Incident) string {
	ids := activeCredentials(in)
	switch {
	case len(ids) == 0:
		return string(in.Credential)
	case len(ids) <= namedMembers:
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:namedMembers], ", "), len(ids)-namedMembers)
}

func activeCredentials(in *keepwatch.Incident) []string {
	seen := make(map[keepwatch.CredentialID]bool, len(in.Members))
	var ids []string
	for _, m := range in.Members {
		if m.EndedAt.IsZero() && m.Credential != "" && !seen[m.Credential] {
			seen[m.Credential] = true
			ids = append(ids, string(m.Credential))
		}
	}
	sort.Strings(ids)
	return ids
}

// clip cuts at a rune's border, so that a long message stays valid text.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

// span renders a distance for a sentence, in whole seconds.
func span(from, to time.Time) string {
	if from.IsZero() || to.Before(from) {
		return "0s"
	}
	return keepwatch.FormatDuration(to.Sub(from).Truncate(time.Second))
}
