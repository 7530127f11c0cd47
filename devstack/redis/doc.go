// Package redis serves the Redis protocol from this process's memory, for causeway dev and for tests. It keeps nothing on
// disk: what is in Redis must be rebuildable.
//
// Start reading with Start.
package redis
