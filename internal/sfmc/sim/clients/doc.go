// Package clients is the other side of the simulator: integrations that ask for tokens
// and call SFMC's APIs the way that real ones do. A [Library] is how one SDK treats
// tokens and failures, as far as it was measured or read from its source; a [Spec] is
// one integration written with it; a [Load] runs many of them, directly against a
// simulator or through a gateway. They wait with package time and draw their pauses
// from a seed, so a load is the same each time in a testing/synctest bubble.
package clients
