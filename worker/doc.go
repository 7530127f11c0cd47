// Package worker is a process that runs scripts: which queues it serves, its script slots and runner processes, the registry of the runs
// that it executes, its lease, and how it stops.
//
// A script hangs on this process's lease in the control plane, not on the contexts of Temporal: the server may go away and come back
// without ending one. A lease that can't be renewed ends all scripts before anybody else may take their runs.
//
// The processes that scripts run in are a pool per environment (pool.go): slot.go runs one script in one of them, runner.go is the life and
// death of a process, hostcalls.go answers what a script asks for.
//
// Start reading with worker.go, then registry.go and execute.go.
package worker
