// Package dryrun runs a script against a connection of a running platform without changing what is stored there: calls of the provider,
// connections and metadata go through the platform's API, records, checkpoints, locks and delete tracking stay in memory.
//
// It is not a sandbox: the script is the user's own, and what it sends to the provider is sent. It knows no HTTP client of its own; a
// Platform makes the calls.
//
// Start reading with dryrun.go; host.go answers the script's calls, recording.go turns what passed through into a fixture.
package dryrun
