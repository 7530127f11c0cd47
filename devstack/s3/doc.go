// Package s3 runs a real S3 server over a folder for tests, as a process beside them: versitygw, which the tests' task builds. No package
// of the product imports it.
//
// Start reading with Start.
package s3
