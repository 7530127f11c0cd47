// Package process runs a server as a child of this process: on a free port, with its output in a file, until it is stopped or this
// process ends. The packages beside it use it for servers that tests need and the product doesn't contain.
//
// Start reading with Start.
package process
