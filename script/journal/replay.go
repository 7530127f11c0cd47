package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// CodeUnknownCall is how a replayed run ends that asks for something that its journal doesn't know.
const CodeUnknownCall = "journal_unknown_call"

// Replayer answers a script's calls from a journal: by their number first, else by name and request among those that were
// not asked for yet. It is the Caller of an engine.
type Replayer struct {
	journal *Journal

	mu      sync.Mutex
	used    map[uint32]bool
	made    []Call
	logs    []Call
	unknown *Call
	alike   []Call // taken for the recorded ones though their requests differ, since credentials are not in a journal
}

// NewReplayer begins.
func NewReplayer(j *Journal) *Replayer {
	return &Replayer{journal: j, used: map[uint32]bool{}}
}

// Begin is what the script has to be started with.
func (p *Replayer) Begin() script.Start {
	s := p.journal.Start.Start
	s.Record, s.FinishMs, s.SoftMs = false, 0, 0
	tape := p.journal.End.Tape
	s.Tape = &tape
	if p.journal.Start.SoftMs > 0 {
		s.SoftMs = p.journal.Start.SoftMs
	}
	return s
}

// Call answers.
func (p *Replayer) Call(ctx context.Context, call script.Call) (script.Answer, error) {
	c := Call{Seq: call.Seq, Name: call.Name, Request: call.Meta, Body: call.Body}
	p.mu.Lock()
	recorded := p.find(c)
	p.made = append(p.made, c)
	if recorded != nil {
		p.used[recorded.Seq] = true
	} else if p.unknown == nil {
		p.unknown = &c
	}
	p.mu.Unlock()
	switch {
	case recorded == nil:
		return script.Answer{}, &script.CallError{Code: CodeUnknownCall, Message: "the journal has no answer for: " + c.String(), Fatal: true}
	case recorded.Failed != nil && recorded.Failed.Code == causeway.CodeScriptAborted:
		<-ctx.Done() // it ended with the run
		return script.Answer{}, recorded.Failed
	case recorded.Failed != nil:
		failed := *recorded.Failed
		failed.Body = recorded.AnswerBody
		return script.Answer{}, &failed
	}
	return script.Answer{Meta: recorded.Answer, Body: recorded.AnswerBody}, nil
}

func (p *Replayer) find(c Call) *Call {
	at, ok := slices.BinarySearchFunc(p.journal.Calls, c.Seq, func(r Call, seq uint32) int { return int(r.Seq) - int(seq) })
	if ok && !p.used[c.Seq] && same(p.journal.Calls[at], c) {
		return &p.journal.Calls[at]
	}
	for i, r := range p.journal.Calls {
		if !p.used[r.Seq] && same(r, c) {
			return &p.journal.Calls[i]
		}
	}
	if ok && !p.used[c.Seq] && p.journal.End.Credentials && address(p.journal.Calls[at]) == address(c) {
		p.alike = append(p.alike, c)
		return &p.journal.Calls[at]
	}
	return nil
}

func same(a, b Call) bool {
	return a.Name == b.Name && bytes.Equal(compact(a.Request), compact(b.Request)) && bytes.Equal(a.Body, b.Body)
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// address is what a call is about, without what may be made of credentials.
func address(c Call) string {
	var q struct {
		Method   string `json:"method"`
		Endpoint string `json:"endpoint"`
		URL      string `json:"url"`
	}
	_ = json.Unmarshal(c.Request, &q) // not every call has these
	return c.Name + " " + q.Method + " " + q.Endpoint + q.URL
}

// Note takes a line of the log.
func (p *Replayer) Note(call script.Call) {
	if call.Name != script.CallLog {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logs = append(p.logs, Call{Name: call.Name, Request: call.Meta, Body: call.Body})
}

// String is a call on one line, cut.
func (c Call) String() string {
	text := fmt.Sprintf("%s %s", c.Name, compact(c.Request))
	if len(c.Body) > 0 {
		text += fmt.Sprintf(" %s", c.Body)
	}
	const limit = 300
	if len(text) > limit {
		text = text[:limit] + " …"
	}
	return text
}
