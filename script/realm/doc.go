// Package realm runs customers' scripts: one fresh global environment per run on the goja engine, with an event loop, the
// globals and modules that scripts may use, and the nango object. It does no I/O: whatever a script asks for leaves
// through Caller as a host call, and comes back as an answer.
//
// It knows nothing of processes, frames, sandboxes or memory limits (script/runner), nor of who answers (package host).
// The engine takes the local time zone for the script's, so a process that runs scripts has to have TZ=UTC.
//
// Start reading with engine.go (what is compiled once per process) and run.go (the life of one run); loop.go is the event
// loop, calls.go the way to the host, nango.go the object that scripts see, errors.go how failures are classified.
package realm
