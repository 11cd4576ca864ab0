// Package pages proves what must hold on every page: that people with disabilities can
// use it, that it fits a phone, that nothing hostile runs in it, that it tells nobody
// what they may not know. Which pages there are comes from the daemon itself, so that a
// new page is proven, or fails for want of an address.
package pages
