// Package api is the public HTTP interface: the routes that official clients call, in their wire format. It decodes, authorises,
// and shapes answers; it never runs a script, and what it changes it writes as rows first.
//
// routes.go is the whole route table, top to bottom. Each noun has a file. A handler is
//
//	func (s *Server) getThing(c *gin.Context, p *principal) error
//
// It writes its answer, or returns an error: a *causeway.Error is shown as it is, anything else as 500 with an id that the
// process log has too. The principal's environment is the only one that a handler may touch.
//
// Start reading with routes.go, then decode.go.
package api
