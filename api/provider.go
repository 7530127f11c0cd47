package api

import (
	"maps"
	"net/http"
	"regexp"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
)

// providerView is an entry of the catalog as it is, with its name and the address of its logo.
func (s *Server) providerView(p *providers.Provider) map[string]any {
	v := maps.Clone(p.Entry)
	v["name"], v["logo_url"] = p.Name, s.PublicURL+"/images/template-logos/"+p.Name+".svg"
	return v
}

func (s *Server) listProviders(c *gin.Context, _ *principal) error {
	q := readQuery(c, "search")
	search := q.text("search", 255, false)
	if search != "" {
		q.issues.check(causeway.ValidIntegrationKey(search), "invalid_format", badIntegrationKey, "search")
	}
	if err := q.err(); err != nil {
		return err
	}
	match, err := regexp.Compile("(?i)" + search) // a dot stands for any character, as it always did; nothing else in it has a meaning
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, name := range s.Catalog.Names() {
		if p, ok := s.Catalog.Provider(name); ok && match.MatchString(name) {
			all = append(all, s.providerView(p))
		}
	}
	return answer(c, http.StatusOK, gin.H{"data": all})
}

func (s *Server) getProvider(c *gin.Context, _ *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	name := c.Param("provider")
	if !causeway.ValidFunctionName(name) {
		var found issues
		found.add("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "provider")
		return found.err(badParams)
	}
	p, ok := s.Catalog.Provider(name)
	if !ok {
		return notFound("Unknown provider %s", name)
	}
	return answer(c, http.StatusOK, gin.H{"data": s.providerView(p)})
}

// wholeCatalog is for everybody: there is nothing of a customer in it.
func (s *Server) wholeCatalog(c *gin.Context, _ *principal) error {
	all := map[string]any{}
	for _, name := range s.Catalog.Names() {
		if p, ok := s.Catalog.Provider(name); ok {
			all[name] = p.Entry
		}
	}
	return answer(c, http.StatusOK, all)
}
