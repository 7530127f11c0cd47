// Package script is the boundary between the platform and customers' scripts, as types: the fixed list of host calls
// that a script can make (hostcall.go), the interface that answers them (host.go), what a run starts with and ends as
// (run.go), and the classes of errors (errors.go). It knows nothing of Postgres, HTTP, Temporal or the engine.
//
// Packages below it are the two sides of the boundary: script/frame is the wire between worker and runner,
// script/runner the child's main loop, script/realm the engine; package host answers for real.
//
// Start reading with hostcall.go.
package script
