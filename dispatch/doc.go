// Package dispatch is the one place that starts, rings and cancels workflows: their ids, options and search attributes, the client with
// its codec, waiting for the end of a run, and what follows a commit – admit the next run of a lane, ask the scheduler, then ring it.
//
// Every call into Temporal is a bell: what is to be done is a row, and a bell that is lost costs delay only. Workflow inputs are ids.
//
// Start reading with dispatcher.go.
package dispatch
