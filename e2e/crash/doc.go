// Package crash is the test that breaks everything while work goes on. It starts two servers, two workers, Temporal, Postgres and Redis as
// processes of their own, lets callers trigger actions, syncs save records and a reader follow cursors, and meanwhile kills, pauses and
// disconnects processes in an order that a seed draws. At the end it counts: every call has an answer or a named outcome, no action ran
// twice, every record is there once, the reader missed nothing, and nothing is held any more.
//
// The outside API is a server in the test process that counts its side effects. Network cuts are made by toxiproxy, a proxy for each
// process and each server that it talks to.
//
// CRASH_SEED draws another order of faults (a failure prints the seed), CRASH_MINUTES above zero runs the long form. The test has the
// build tag e2e and needs bin/causeway and bin/causeway-runner (./task build), Postgres and redis-server.
//
// Start reading with crash_test.go, then plan_test.go.
package crash
