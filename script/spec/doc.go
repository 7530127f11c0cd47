// Package spec runs a project's tests: files written for the usual test framework, and recorded fixtures alone. Each file gets a realm of
// its own in this process, in which a framework of ours, and doubles of the nango object, stand ready (js/). No network, no database, no
// Node; a test reads files of its project and nothing else.
//
// It is not for scripts of others: there is no sandbox around a test. Recordings are replayed against the doubles, also those that
// causeway dryrun saved.
//
// Start reading with run.go; discover.go finds what there is to run, host.go is what a realm can ask for, js/runner.js runs a file's tests.
package spec
