// Package cli is the command line and the wiring: each command has a file, roles of the platform (dev, server, worker) are
// commands, and wire.go puts the parts together in the same way for all of them.
//
// Start reading with root.go (the list of commands), dev.go (the whole platform in one process) and wire.go.
package cli
