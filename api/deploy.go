package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// blobKey is where a text of a deploy lies: its content's hash, so unchanged code is stored once.
func blobKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "code/" + hex.EncodeToString(sum[:])
}

func (s *Server) planDeploy(c *gin.Context, p *principal) error {
	b, err := s.deployBody(c)
	if err != nil {
		return err
	}
	if b.NangoYamlBody != nil {
		return issueError("unrecognized_keys", unrecognized([]string{"nangoYamlBody"}))
	}
	r, err := b.request(blobKey)
	if err != nil {
		return err
	}
	plan, err := s.Store.PlanDeploy(c.Request.Context(), p.environment.ID, r)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, plan)
}

func (s *Server) deployBody(c *gin.Context) (*deployBody, error) {
	if err := emptyQuery(c); err != nil {
		return nil, err
	}
	if !cliMayDeploy(c.GetHeader("User-Agent")) {
		return nil, &causeway.Error{Code: "invalid_cli_version", Status: http.StatusBadRequest, Message: "this command line is too old: version " + oldestCLI + " or newer is needed", Legacy: true}
	}
	var b deployBody
	if err := decodeBody(c, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

func (s *Server) deploy(c *gin.Context, p *principal) error {
	b, err := s.deployBody(c)
	if err != nil {
		return err
	}
	texts := map[string]string{}
	r, err := b.request(func(text string) string {
		key := blobKey(text)
		texts[key] = text
		return key
	})
	if err != nil {
		return err
	}
	if b.NangoYamlBody == nil {
		return issueError("invalid_type", "Invalid input: expected string, received undefined", "nangoYamlBody")
	}
	if len(r.Functions) == 0 {
		return answer(c, http.StatusOK, []storage.DeployedFunction{}) // nothing is removed by an empty deploy
	}
	ctx := c.Request.Context()
	if workers, err := s.Store.LiveWorkers(ctx); err != nil || workers == 0 {
		if err != nil {
			return err
		}
		return causeway.Errorf(http.StatusServiceUnavailable, "no_worker", "no worker is running that could compile the functions")
	}
	if err := s.Store.CheckDeploy(ctx, p.environment.ID, r); err != nil { // said before anything is written
		return err
	}
	for key, text := range texts {
		if there, err := s.Blob.Has(ctx, key); err == nil && there {
			continue
		}
		if err := s.Blob.Put(ctx, key, []byte(text)); err != nil {
			return causeway.Errorf(http.StatusInternalServerError, "file_upload_error", "the code could not be stored").WithCause(err)
		}
	}
	return s.apply(c, p, r)
}

// apply writes the deploy, has it done, and waits for its row as long as the client does.
func (s *Server) apply(c *gin.Context, p *principal, r storage.DeployRequest) error {
	ctx := c.Request.Context()
	began := time.Now()
	op := causeway.Operation{
		ID: causeway.NewOperationID(began), EnvironmentID: p.environment.ID, Type: "deploy", Action: "custom", State: causeway.OperationRunning, StartedAt: &began,
		Names: causeway.OperationNames{Environment: p.environment.Name},
	}
	s.Logs.Operation(op)
	uid, err := s.Store.CreateDeploy(ctx, p.environment.ID, r, map[string]any{"type": "api_key", "id": p.key.ID}, op.ID)
	if err != nil {
		return err
	}
	if err := s.Dispatch.StartDeploy(ctx, p.environment.ID, uid); err != nil {
		s.Logger.Warn("a deploy could not be started; the reconciler will", "error", err)
	}
	d, err := s.awaitDeploy(ctx, p.environment.ID, uid)
	if err != nil {
		return err
	}
	now := time.Now()
	op.EndedAt, op.UpdatedAt, op.State = &now, now, causeway.OperationSuccess
	if d.State == storage.DeployFailed {
		op.State = causeway.OperationFailed
		op.Error, _ = json.Marshal(map[string]string{"code": d.ErrorCode, "message": d.ErrorMessage})
		s.Logs.Operation(op)
		return &causeway.Error{Code: d.ErrorCode, Status: deployStatus(d.ErrorCode), Message: d.ErrorMessage, Legacy: true}
	}
	s.Logs.Operation(op)
	for i, f := range d.Output {
		s.Logs.Message(causeway.Message{
			EnvironmentID: op.EnvironmentID, OperationID: op.ID, CreatedAt: now, Seq: i + 1, Level: causeway.LevelInfo, Kind: "log", Source: "internal",
			Text: fmt.Sprintf("deployed %s %s of %s, version %s", f.Type, f.Name, f.ProviderConfigKey, f.Version),
		})
	}
	return answer(c, http.StatusOK, d.Output)
}

// oldestCLI is the first version of the field's command line that sends what a deploy needs.
const oldestCLI = "0.39.25"

var cliVersion = regexp.MustCompile(`^nango-cli/(\d+)\.(\d+)\.(\d+)`)

func cliMayDeploy(userAgent string) bool {
	m := cliVersion.FindStringSubmatch(userAgent)
	if m == nil {
		return true
	}
	var v [3]int
	for i := range v {
		n, err := strconv.Atoi(m[i+1])
		if err != nil {
			return true // longer than a number: newer
		}
		v[i] = n
	}
	return slices.Compare(v[:], []int{0, 39, 25}) >= 0
}

func deployStatus(code string) int {
	switch {
	case code == storage.ErrConcurrentDeploy.Code:
		return http.StatusConflict
	case strings.HasPrefix(code, "deploy_"), strings.HasPrefix(code, "failed_to_build"), code == "unknown_provider_config":
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// deployLook is the pause between two looks at a deploy's row.
const deployLook = 50 * time.Millisecond

func (s *Server) awaitDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.Deploy, error) {
	t := time.NewTicker(deployLook)
	defer t.Stop()
	for {
		d, err := s.Store.Deploy(ctx, environmentID, uid)
		if err != nil || d.State != storage.DeployCompiling {
			return d, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-t.C:
		}
	}
}
