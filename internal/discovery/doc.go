// Package discovery looks at an account with a credential that may: its
// business units, the hidden users of its installed packages, its API users, the
// scopes of the credential's own token, and what the audit trail says of packages.
//
// It only reads, one call after the other, and never more than maxCalls in a run.
// What could not be read is named in the report and never taken for absent: a
// package is gone only when the whole list was read and it was not in it. A part
// that the account does not offer is unknown, not a fault of the credential.
//
// [Discoverer.Run] makes one report; [Follow] joins it to the last one, so that
// the newest report alone tells what changed; [Findings] compares it with the
// inventory. The report is what is stored.
package discovery
