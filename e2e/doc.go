// Package e2e drives the built binary as a person would: it starts causeway dev in a folder of its own and talks to it by
// HTTP and by the command line. The tests have the build tag e2e and need bin/causeway and bin/causeway-runner
// (./task build). e2e/fakeapi stands for the outside APIs.
//
// Start reading with platform_test.go (starting and killing) and quickstart_test.go (the README, executed).
package e2e
