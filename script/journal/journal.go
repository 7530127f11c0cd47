package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/causeway-dev/causeway/script"
)

// Version is that of the format.
const Version = 1

// Journal is one run.
type Journal struct {
	Start Start
	Calls []Call // by Seq, the order in which the script made them
	Logs  []Call // in the order in which they came
	End   End
}

// Start is what the run began with.
type Start struct {
	Version int `json:"version"`
	script.Start
	Input json.RawMessage `json:"input,omitempty"`
}

// Call is a host call and its answer, or a line of the log.
type Call struct {
	Seq        uint32            `json:"seq,omitempty"`
	Name       string            `json:"name"`
	Request    json.RawMessage   `json:"request,omitempty"`
	Body       Body              `json:"body,omitempty"`
	Answer     json.RawMessage   `json:"answer,omitempty"`
	AnswerBody Body              `json:"answer_body,omitempty"`
	Failed     *script.CallError `json:"failed,omitempty"`
}

// End is how the run ended.
type End struct {
	Code    string          `json:"code,omitempty"` // empty: success
	Message string          `json:"message,omitempty"`
	Output  json.RawMessage `json:"output,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
	Tape    script.Tape     `json:"tape"`
	// Credentials: the run was given some, which stand as placeholders here.
	Credentials bool `json:"credentials,omitempty"`
	// Cut: the run asked for more than a journal holds; its later calls are missing.
	Cut bool `json:"cut,omitempty"`
}

// Body is bytes that are text as a rule: it is written as a string if it can be.
type Body []byte

type binary struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes a string, or {"base64": …} for what is not UTF-8.
func (b Body) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(binary{b})
}

// UnmarshalJSON reads both.
func (b *Body) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("{")) {
		var other binary
		err := json.Unmarshal(raw, &other)
		*b = other.Base64
		return err
	}
	var text string
	err := json.Unmarshal(raw, &text)
	*b = Body(text)
	return err
}

// line is a line of the file; one of its fields is set.
type line struct {
	Start *Start `json:"start,omitempty"`
	Call  *Call  `json:"call,omitempty"`
	Log   *Call  `json:"log,omitempty"`
	End   *End   `json:"end,omitempty"`
}

// maxLine is the longest line that is read, in bytes: a body of a call, its answer and what JSON makes of them.
const maxLine = 4 * script.MaxBody

// Read reads a journal.
func Read(r io.Reader) (*Journal, error) {
	plain, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLine))
	if err != nil {
		return nil, fmt.Errorf("read a journal: %w", err)
	}
	defer plain.Close()
	j := &Journal{}
	ended := false
	for lines := json.NewDecoder(plain); ; {
		var l line
		err := lines.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read a journal: %w", err)
		}
		switch {
		case l.Start != nil:
			j.Start = *l.Start
			j.Start.Start.Input = l.Start.Input
		case l.Call != nil:
			j.Calls = append(j.Calls, *l.Call)
		case l.Log != nil:
			j.Logs = append(j.Logs, *l.Log)
		case l.End != nil:
			j.End, ended = *l.End, true
		}
	}
	if !ended || j.Start.Version != Version {
		return nil, fmt.Errorf("read a journal: it is not whole, or of another version than %d", Version)
	}
	slices.SortStableFunc(j.Calls, func(a, b Call) int { return int(a.Seq) - int(b.Seq) })
	return j, nil
}
