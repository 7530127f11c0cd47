// Package temporal runs a whole Temporal server, and its web UI, inside this process, for causeway dev and for tests. State is SQLite in
// a folder. It listens on loopback only.
//
// Everything that links the server is here, since linking it costs minutes: nothing but the command line imports this package.
//
// Start reading with Start.
package temporal
