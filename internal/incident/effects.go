package incident

import "keepwatch"

// isEffect reports an outcome that a judge of SFMC's own counters finds.
func isEffect(o keepwatch.Outcome) bool { return o.Info().Confirm == keepwatch.ConfirmJudged }

// Peer reports whether a series is among those that rules compare with each other. A
// reading that says that all is well is not: a tenant may have thousands.
func Peer(s *keepwatch.Series) bool { return s.Watch == nil || isEffect(s.Outcome) }
