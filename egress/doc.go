// Package egress is the only way out: every connection that the platform opens on behalf of somebody (proxied calls,
// scripts' plain fetches, token endpoints, webhooks, catalog downloads) goes through a Client of this package, which asks
// a Policy first and dials the very address that was judged, so that a name can't change its mind in between.
//
// It is not for the platform's own servers (Postgres, Redis, Temporal, blob stores, OpenSearch): their addresses come
// from the operator and may lie anywhere.
//
// Redirects are never followed here. Callers follow them hop by hop and ask again, because what may travel along
// (credentials, bodies) is theirs to decide; Redirect computes where a hop leads.
//
// Start reading with policy.go, then address.go (what is a forbidden address) and client.go (the transport).
package egress
