// Package backtest says what another configuration would have alerted in the past:
// other routes, other tiers, other ladders and thresholds, tried on what is stored.
//
// It is called by app, which gathers the rows, and is pure. Both configurations are
// tried by the same rules, so that what differs is their doing. Where the rows do not tell
// (good runs are kept singly for a week only), it says so instead of guessing, or marks a
// guess as one.
package backtest
