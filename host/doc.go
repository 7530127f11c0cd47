// Package host answers what scripts ask for: it is the real script.Host. Each group of calls has a file: proxy.go,
// records.go, checkpoint.go, lock.go, log.go, connection.go, trigger.go.
//
// A run's environment, connection and function come from the worker's own table (script.Run), never from a frame; what a
// request names is looked up inside that environment only.
//
// Start reading with host.go.
package host
