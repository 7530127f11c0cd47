// Package storage keeps everything: the control plane in Postgres (a file per noun, the SQL beside the method that runs it),
// records (Records), blobs (Blob), locks and news in Redis, logs (Logs), and the encryption of all secrets and payloads
// (Keyring).
//
// It knows nothing of HTTP, Temporal or scripts. Methods take the environment id first, and every statement names it; the
// database refuses references into another environment.
//
// Start reading with db.go (Open), then the file of a noun, e.g. connection.go.
package storage
