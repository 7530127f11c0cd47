// Package opensearch runs a real OpenSearch node for tests, as a process beside them. Its parts are resolved and its launcher is compiled
// by .ci/opensearch, once; here it is started and stopped. No package of the product imports it.
//
// Start reading with Start.
package opensearch
