// Package journal keeps what a run asked for and what it was told, so that the run can be repeated without a platform: every
// host call with its answer, every line that it logged, how it ended, and its tape (script.Tape).
//
// A Recorder writes a journal while the run goes on; Read reads one; a Replayer answers a script from it and says where the
// script now does something else. A journal is a zstd stream of JSON lines. Credentials that the run was given are replaced
// by placeholders wherever they appear; all else in it is the customer's data, and whoever stores it has to seal it.
//
// Start reading with journal.go.
package journal
