// Package logs makes calls of lines that integrations log. Most programs say when SFMC
// refuses them, and nowhere else. A line is read by the form of its source, named by its
// words, and forgotten: nothing of it is kept but what a Call has. Lines that say nothing
// of SFMC are dropped and counted.
package logs
