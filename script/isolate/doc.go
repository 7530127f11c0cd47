// Package isolate takes away from the current process everything that a script runner doesn't need: each step is
// separate and says whether it took, so that a system that lacks one still gets the others.
//
// It knows nothing of scripts. What only a parent can set (another user, an empty environment, closed descriptors) is
// the worker's business. On anything but Linux no step is available.
//
// Start reading with isolate.go (the steps), then steps_linux.go and filter_linux.go.
package isolate
