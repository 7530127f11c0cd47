// Package wire is what worker and runner say to each other: the structured parts of the messages that package
// script/frame carries, and how large their bodies may be. A field that is not here does not cross the boundary.
//
// Start reading with wire.go.
package wire
