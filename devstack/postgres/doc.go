// Package postgres runs a PostgreSQL server as a child of this process, for causeway dev and for tests: from binaries that the
// machine has, else from ones that are fetched once. It listens on loopback only and dies with its parent. As root it runs in
// a user namespace, since the server refuses root.
//
// Start reading with Start.
package postgres
