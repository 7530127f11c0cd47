// Package auth knows how each kind of credentials authorises a call: one file per mode, behind the interface Mode.
//
// It neither stores credentials nor sends anything.
//
// Start reading with auth.go.
package auth
