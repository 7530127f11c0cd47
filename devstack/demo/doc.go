// Package demo is a small outside API that runs beside causeway dev, so that a first sync and a first action need no account
// anywhere: tasks to list, page by page, and to create. It takes every key.
//
// Start reading with Start.
package demo
