package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
)

// getJournal answers with the journal of a run that has ended: a zstd stream of JSON lines. The run is named by its id or by that of its
// operation.
func (s *Server) getJournal(c *gin.Context, p *principal) error {
	stored, _, err := s.findJournal(c, p)
	return s.sendBlob(c, "application/zstd", stored, err)
}

// getJournalProgram answers with the program that the run of a journal ran.
func (s *Server) getJournalProgram(c *gin.Context, p *principal) error {
	_, program, err := s.findJournal(c, p)
	return s.sendBlob(c, "text/javascript; charset=utf-8", program, err)
}

func (s *Server) findJournal(c *gin.Context, p *principal) (stored, program string, err error) {
	ctx, id := c.Request.Context(), c.Param("id")
	run, err := uuid.Parse(id)
	if err != nil {
		operation, err := s.Logs.FindOperation(ctx, p.environment.ID, id)
		if err != nil {
			return "", "", err
		}
		run = operation.RunUID
	}
	return s.Store.Journal(ctx, p.environment.ID, run)
}

// sendBlob answers with what lies under a key; err is what came of looking for that.
func (s *Server) sendBlob(c *gin.Context, contentType, key string, err error) error {
	var body []byte
	if err == nil {
		body, err = s.Blob.Get(c.Request.Context(), key)
	}
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("this run has no journal: none was to be kept (PUT /scripts/journal says which runs keep one), or its time is over")
	}
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, contentType, body)
	return nil
}

// journalSettings is the body of GET and PUT /scripts/journal.
type journalSettings struct {
	Mode      string            `json:"mode"` // off, failures, all; empty: the platform's default
	Functions map[string]string `json:"functions"`
}

func (s *Server) getJournalSettings(c *gin.Context, p *principal) error {
	e, err := s.Store.Environment(c.Request.Context(), p.environment.ID)
	if err != nil {
		return err
	}
	out := journalSettings{Mode: e.Settings.Journal, Functions: e.Settings.Journals}
	if out.Functions == nil {
		out.Functions = map[string]string{}
	}
	return answer(c, http.StatusOK, out)
}

// setJournalSettings says which runs keep a journal: those of the whole environment, or of one function.
func (s *Server) setJournalSettings(c *gin.Context, p *principal) error {
	var q struct {
		Mode        string `json:"mode"`
		Integration string `json:"provider_config_key"`
		Type        string `json:"type"`
		Name        string `json:"name"`
	}
	if err := decodeBody(c, &q); err != nil {
		return err
	}
	var found issues
	found.check(slices.Contains([]string{"", causeway.JournalOff, causeway.JournalFailures, causeway.JournalAll}, q.Mode),
		"invalid_value", "has to be off, failures or all, or empty for the default", "mode")
	function := ""
	if q.Name != "" || q.Integration != "" || q.Type != "" { // all three name a function
		kind := causeway.FunctionKind(q.Type)
		found.check(kind == causeway.KindSync || kind == causeway.KindAction || kind == causeway.KindOnEvent,
			"invalid_value", "has to be sync, action or on-event", "type")
		found.check(q.Name != "", "invalid_value", "is needed to name a function", "name")
		found.check(q.Integration != "", "invalid_value", "is needed to name a function", "provider_config_key")
		function = causeway.JournalKey(q.Integration, kind, q.Name)
	}
	if err := found.err(badBody); err != nil {
		return err
	}
	if err := s.Store.SetJournalMode(c.Request.Context(), p.environment.ID, function, q.Mode); err != nil {
		return err
	}
	return s.getJournalSettings(c, p)
}
