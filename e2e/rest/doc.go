// Package rest is how end-to-end tests talk to a platform: a call of its API, and addresses on loopback. What a call means, and how it has
// to be answered, is the tests' own.
package rest
