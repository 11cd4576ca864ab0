// Package detect holds the verdicts that can be read off a window of
// observations: is a refusal confirmed, is a run of soft failures a burst, do the
// neighbours contradict it, does a series flap, is it slow, when may a refused
// credential be asked again.
//
// It also judges effects: Judge says whether a journey, a data extension, an
// automation or a send definition has stopped, from its counters and the weekly
// baseline that Fit learns; Expected says what a span should have held. The method
// and its measured quality stand in docs/detection.md.
//
// Every function is pure arithmetic over its arguments. Package incident composes
// them into the state machine; nothing here knows an incident, a store or a
// clock. The thresholds come in as arguments, so that the same function serves
// the product, the shortened demo and the tests.
package detect
