package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// MaxSize is how large a stored journal becomes as a rule, in compressed bytes; a run that asks for more loses the rest of it.
const MaxSize = 16 << 20

// Recorder writes the journal of one run. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	out     bytes.Buffer
	zip     *zstd.Encoder
	secrets causeway.Secrets
	tapes   map[uint32]*script.Tape // by call
	max     int
	cut     bool
	err     error
}

// NewRecorder begins a journal of at most maxSize compressed bytes, and what is being compressed.
func NewRecorder(start script.Start, maxSize int) (*Recorder, error) {
	r := &Recorder{secrets: causeway.Secrets{Shown: placeholder}, tapes: map[uint32]*script.Tape{}, max: maxSize}
	var err error
	if r.zip, err = zstd.NewWriter(&r.out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true)); err != nil {
		return nil, fmt.Errorf("begin a journal: %w", err)
	}
	r.write(line{Start: &Start{Version: Version, Start: start, Input: start.Input}})
	return r, r.err
}

// Record takes a call that has been answered, or a line of the log.
func (r *Recorder) Record(call script.Call, answer script.Answer, failed error) {
	if call.Name == script.CallProgress {
		return
	}
	c := Call{
		Seq: call.Seq, Name: call.Name, Request: call.Meta, Body: call.Body, Answer: answer.Meta, AnswerBody: answer.Body,
	}
	if failed != nil {
		e := script.AsCallError(failed)
		c.Failed, c.AnswerBody = e, e.Body
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if call.Tape != nil {
		r.tapes[call.Seq] = call.Tape
	}
	script.LearnSecrets(&r.secrets, call.Name, answer.Body)
	if r.cut {
		return
	}
	c.Request, c.Body = r.hide(c.Request), r.hide(c.Body)
	c.Answer, c.AnswerBody = r.hide(c.Answer), r.hide(c.AnswerBody)
	if spec := script.SpecOf(call.Name); spec != nil && spec.Note {
		r.write(line{Log: &c})
	} else {
		r.write(line{Call: &c})
	}
}

// End ends the journal and returns it.
func (r *Recorder) End(result script.Result) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := End{
		Code: result.Code, Message: string(r.hide([]byte(result.Message))), Cut: r.cut, Credentials: r.secrets.Any(),
		Output: r.hide(result.Output), Error: r.hide(result.Error),
	}
	for _, seq := range slices.Sorted(maps.Keys(r.tapes)) {
		end.Tape.Append(r.tapes[seq])
	}
	end.Tape.Append(result.Tape)
	r.write(line{End: &end})
	err := errors.Join(r.err, r.zip.Close())
	if err != nil {
		return nil, fmt.Errorf("end a journal: %w", err)
	}
	return r.out.Bytes(), nil
}

// Drop gives up a journal that nobody wants.
func (r *Recorder) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	_ = r.zip.Close()
}

func (r *Recorder) write(l line) {
	text, err := json.Marshal(l)
	if err == nil {
		_, err = r.zip.Write(append(text, '\n'))
	}
	r.err = errors.Join(r.err, err)
	r.cut = r.cut || r.out.Len() > r.max
}

// hide replaces every secret by a placeholder that names it.
func (r *Recorder) hide(b []byte) []byte {
	if len(b) == 0 || !r.secrets.Any() {
		return b
	}
	return []byte(r.secrets.Hide(string(b)))
}

func placeholder(_ int, path string) string { return "{" + path + "}" }
