package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
)

// oneOrMany is a connection id, or a list of them.
type oneOrMany struct {
	ids  []string
	list bool
}

func (o *oneOrMany) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		o.list = true
		return json.Unmarshal(raw, &o.ids)
	}
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		return err
	}
	o.ids = []string{id}
	return nil
}

func (o oneOrMany) MarshalJSON() ([]byte, error) {
	if o.list {
		return json.Marshal(o.ids)
	}
	return json.Marshal(o.ids[0])
}

type metadataBody struct {
	ConnectionID      oneOrMany       `json:"connection_id"`
	ProviderConfigKey string          `json:"provider_config_key"`
	Metadata          json.RawMessage `json:"metadata"`
}

func (s *Server) setMetadata(c *gin.Context, p *principal) error {
	return s.writeMetadata(c, p, false, http.StatusCreated)
}

func (s *Server) updateMetadata(c *gin.Context, p *principal) error {
	return s.writeMetadata(c, p, true, http.StatusOK)
}

func (s *Server) writeMetadata(c *gin.Context, p *principal, merge bool, status int) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b metadataBody
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	var (
		found  issues
		object map[string]json.RawMessage
	)
	found.check(len(b.ConnectionID.ids) > 0, "invalid_type", "Invalid input: expected string, received undefined", "connection_id")
	for i, id := range b.ConnectionID.ids {
		path := []string{"connection_id"}
		if b.ConnectionID.list {
			path = append(path, strconv.Itoa(i))
		}
		found.check(causeway.ValidConnectionID(id), "invalid_format", "Invalid string: this is no id of a connection", path...)
	}
	found.check(b.ProviderConfigKey != "", "invalid_type", "Invalid input: expected string, received undefined", "provider_config_key")
	found.check(json.Unmarshal(b.Metadata, &object) == nil && object != nil, "invalid_type", "Invalid input: expected object", "metadata")
	if err := found.err(badBody); err != nil {
		return err
	}
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, b.ProviderConfigKey)
	if err == nil {
		err = s.Store.WriteMetadata(ctx, p.environment.ID, i.ID, b.ConnectionID.ids, b.Metadata, merge)
	}
	if errors.Is(err, causeway.ErrNotFound) {
		return causeway.Errorf(http.StatusNotFound, "unknown_connection", "not every connection is there; nothing was changed")
	}
	if err != nil {
		return err
	}
	return answer(c, status, b)
}

// setOldMetadata and updateOldMetadata are the older form: the body is the metadata, and the integration may be named by a header.
func (s *Server) setOldMetadata(c *gin.Context, p *principal) error {
	return s.writeOldMetadata(c, p, false, http.StatusCreated)
}

func (s *Server) updateOldMetadata(c *gin.Context, p *principal) error {
	return s.writeOldMetadata(c, p, true, http.StatusOK)
}

func (s *Server) writeOldMetadata(c *gin.Context, p *principal, merge bool, status int) error {
	id, err := connectionParam(c)
	if err != nil {
		return err
	}
	q := &query{values: c.Request.URL.Query()} // any other parameter is let through
	key := q.text("provider_config_key", 255, false)
	if key == "" {
		key = c.GetHeader("Provider-Config-Key")
	}
	if err := q.err(); err != nil {
		return err
	}
	metadata := map[string]json.RawMessage{}
	if err := decodeBody(c, &metadata); err != nil {
		return err
	}
	if metadata == nil { // the body was null
		metadata = map[string]json.RawMessage{}
	}
	raw, err := marshal(metadata)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	err = causeway.ErrNotFound
	if causeway.ValidIntegrationKey(key) {
		var i *causeway.Integration
		if i, err = s.Store.Integration(ctx, p.environment.ID, key); err == nil {
			err = s.Store.WriteMetadata(ctx, p.environment.ID, i.ID, []string{id}, raw, merge)
		}
	}
	if errors.Is(err, causeway.ErrNotFound) {
		return &causeway.Error{Code: "unknown_connection", Status: http.StatusNotFound, Message: "there is no such connection", Legacy: true}
	}
	if err != nil {
		return err
	}
	return answer(c, status, metadata)
}
