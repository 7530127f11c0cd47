package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// client talks to a platform's API with the key of one environment.
type client struct {
	base string
	key  string
	http *http.Client
}

// newClient finds the platform: CAUSEWAY_URL and CAUSEWAY_API_KEY, else a causeway dev that runs in this folder or in one
// above it.
func newClient(cmd *cobra.Command) (*client, error) {
	base, key := os.Getenv("CAUSEWAY_URL"), os.Getenv("CAUSEWAY_API_KEY")
	if base == "" || key == "" {
		info, err := findDev()
		if err != nil {
			return nil, err
		}
		if base == "" {
			base = info.APIURL
		}
		if key == "" {
			key = info.APIKey
		}
	}
	return &client{base: strings.TrimRight(base, "/"), key: key, http: &http.Client{}}, cmd.Context().Err()
}

// findDev reads .causeway/dev.json of the nearest folder that has one.
func findDev() (*devInfo, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		path := filepath.Join(dir, ".causeway", "dev.json")
		raw, err := os.ReadFile(path)
		if err == nil {
			var info devInfo
			if err := json.Unmarshal(raw, &info); err != nil {
				return nil, fmt.Errorf("%s can't be read: %w", path, err)
			}
			return &info, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil, errors.New("no running platform found: start one with causeway dev in this folder or one above it, or set CAUSEWAY_URL and CAUSEWAY_API_KEY")
		}
		dir = up
	}
}

// apiError is an error answer of the API.
type apiError struct {
	Status  int
	Code    string
	Message string
	Payload json.RawMessage
	Issues  []struct {
		Message string   `json:"message"`
		Path    []string `json:"path"`
	}
}

func (e *apiError) Error() string {
	text := e.Code
	if e.Message != "" {
		text += ": " + e.Message
	}
	for _, i := range e.Issues {
		text += fmt.Sprintf("\n  %s: %s", strings.Join(i.Path, "."), i.Message)
	}
	if len(e.Payload) > 0 && string(e.Payload) != "{}" && string(e.Payload) != "null" {
		text += "\n  " + string(e.Payload)
	}
	return text
}

// call makes a call and decodes the answer into out, unless that is nil. headers are name, value, name, value, …
func (c *client) call(ctx context.Context, method, path string, body, out any, headers ...string) error {
	resp, err := c.send(ctx, method, path, body, headers...)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// stream opens a stream of server-sent events after the event with the id last ("" for the present).
func (c *client) stream(ctx context.Context, path, last string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, path, nil, "Accept", "text/event-stream", "Last-Event-ID", last)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send returns the answer if it is a success; its body is open.
func (c *client) send(ctx context.Context, method, path string, body any, headers ...string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "causeway-cli/"+build)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if _, refused := errors.AsType[*net.OpError](err); refused {
			return nil, fmt.Errorf("the platform at %s does not answer: is it running?", c.base)
		}
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, readError(resp)
}

func readError(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("status %d, and the answer breaks off: %w", resp.StatusCode, err)
	}
	var envelope struct {
		Error struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Payload json.RawMessage `json:"payload"`
			Errors  []struct {
				Message string   `json:"message"`
				Path    []string `json:"path"`
			} `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &envelope) != nil || envelope.Error.Code == "" {
		return &apiError{Status: resp.StatusCode, Code: fmt.Sprintf("status %d", resp.StatusCode), Message: string(raw[:min(len(raw), 300)])}
	}
	e := envelope.Error
	return &apiError{Status: resp.StatusCode, Code: e.Code, Message: e.Message, Payload: e.Payload, Issues: e.Errors}
}
