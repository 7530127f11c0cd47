package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

func (s *Server) listVariables(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	all, err := s.Store.Variables(c.Request.Context(), p.environment.ID)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, all)
}
