// Package proxy makes calls to outside APIs with the credentials of a connection: it chooses the base URL, keeps the caller's path and body
// byte for byte, adds what the provider wants, follows redirects without giving credentials to strangers, and tries again when that makes
// sense.
//
// It decides nothing about who may call: callers (package api, package host) find the connection. Every attempt passes the egress policy.
//
// Start reading with proxy.go, then target.go (the URL) and retry.go.
package proxy
