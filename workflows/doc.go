// Package workflows decides: a file per workflow, each a small state machine that a person can read aloud. It touches no database, no HTTP
// and no clock but the workflow's; what is done is in package activities.
//
// Workflows that run are replayed by newer code: a change of the order of commands needs workflow.GetVersion, and inputs and results
// change by adding fields only.
//
// Start reading with run.go.
package workflows
