// Package causeway holds the nouns of the platform as plain types with their invariants: environment, integration,
// connection, function, sync, run, record, checkpoint, operation, API key, and the one error type. There is no I/O here
// and nothing here imports another package of ours; every other package may import this one.
//
// Start reading with run.go (what is executed, and how it ends) and error.go (what a caller is told).
package causeway
