// Package fakeapi stands for outside APIs in tests: an HTTP/1.1 server that keeps each request's raw bytes and answers with exactly the bytes
// that a test asks for, also broken ones: odd statuses and headers, bodies that end early, delays, hanging up at any moment.
//
// It is no HTTP server for anything else: it speaks one version of the protocol, checks nothing and forgets nothing.
//
// Start reading with answer.go (what an answer can be) and server.go; vendors.go has GitHub issues, HubSpot contacts and Slack's
// posting of messages as those APIs answer. The command in serve runs it beside a platform under test.
package fakeapi
