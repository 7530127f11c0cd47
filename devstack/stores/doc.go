// Stores runs a command with real servers beside it, and ends as it ends:
//
//	go run ./devstack/stores -opensearch FILE -s3 PROGRAM go test ./storage
//
// The command finds them in its environment: CAUSEWAY_TEST_OPENSEARCH, CAUSEWAY_TEST_REDIS, CAUSEWAY_TEST_S3.
package main
