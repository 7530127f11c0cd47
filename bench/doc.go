// Command bench measures the platform from outside: it starts the built binary and an outside API that answers from memory,
// deploys a small project, runs closed loops against the public API, and prints one table with the floor beside it. What
// it finds is written to bench/out/bench.json too. Nothing is asserted: figures are compared within one run.
//
// All parts share one machine. Compare rows of one run only.
//
// Start reading with main.go (the order of measurements) and load.go (a closed loop).
package main
