// Package sourcemap puts the author's files and lines into texts that name positions of a lowered script, as stack traces do.
//
// It reads the map that the compiler stores beside each lowered bundle. A map comes from a customer's upload and is read by the worker:
// what is read is bounded, and nothing of it is trusted. It writes no maps; package compile does.
//
// Start with Parse and Map.Rewrite.
package sourcemap
