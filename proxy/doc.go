// Package proxy makes calls to outside APIs with the credentials of a connection: it chooses the base URL, keeps the caller's path and body
// byte for byte, adds what the provider wants, follows redirects without giving credentials to strangers, and tries again when that makes
// sense.
//
// It decides nothing about who may call: callers (package api, package host) find the connection. Every hop passes the egress policy.
// Nothing is looked up in a database here, and no credential leaves in an error, a log line or an answer's URL.
//
// Start reading with proxy.go (a call from end to end), then target.go (what one attempt sends), send.go (redirects, decoding) and retry.go.
package proxy
