package api

// Route is a line of the route table, for tests that walk it.
type Route struct {
	Methods  []string
	Path     string
	Scopes   []string
	Open     bool
	Guarded  bool
	Wildcard bool
}

// Table is the whole route table.
func (s *Server) Table() []Route {
	all := s.routes()
	out := make([]Route, len(all))
	for i, r := range all {
		out[i] = Route{r.methods(), r.path, r.scopes, r.open, r.guarded, r.wildcard()}
	}
	return out
}
