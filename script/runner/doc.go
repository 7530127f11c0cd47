// Package runner is the child process that scripts run in: it isolates itself, says hello, and from then on takes starts
// and aborts and sends calls, notes and results, until its socket closes. It has no environment, opens nothing and knows
// no key; package worker starts it and is the other side.
//
// The engine is behind an interface; in production it is script/realm. In compile mode it lowers bundles instead, with a
// function that it is given, since script/compile must not be linked into the small program.
//
// Start reading with main.go, then server.go and run.go.
package runner
