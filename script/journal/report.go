package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// Report says how a replayed run differs from the recorded one.
type Report struct {
	// Unknown is the first call that the journal doesn't know; the replay ended there.
	Unknown *Call
	// Missing calls were recorded and not made; New ones the other way round. Equal calls in another order are no difference.
	Missing, New []Call
	// Alike calls differ from the recorded ones, as far as can be told by what was made of credentials.
	Alike []Call
	// Logs that differ: the lines of the recorded run and of the replay, from the first that is not the same.
	OldLogs, NewLogs []string
	// Outcome is how each ended, empty if that is the same.
	OldOutcome, NewOutcome string
	Calls, Lines           int // of the replay
	Cut                    bool
}

// Same says that nothing differs.
func (r *Report) Same() bool {
	return r.Unknown == nil && len(r.Missing)+len(r.New)+len(r.OldLogs)+len(r.NewLogs) == 0 && r.OldOutcome == r.NewOutcome
}

// Report compares the replay with the journal.
func (p *Replayer) Report(result script.Result) *Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Report{Unknown: p.unknown, Alike: p.alike, Calls: len(p.made), Lines: len(p.logs), Cut: p.journal.End.Cut}
	heard := p.journal.heard()
	for _, c := range p.journal.Calls {
		if !p.used[c.Seq] && heard[c.Seq] {
			r.Missing = append(r.Missing, c)
		}
	}
	if p.unknown != nil {
		r.New = []Call{*p.unknown}
	}
	oldLines, newLines := lines(p.journal.Logs), lines(p.logs)
	for len(oldLines) > 0 && len(newLines) > 0 && oldLines[0] == newLines[0] {
		oldLines, newLines = oldLines[1:], newLines[1:]
	}
	r.OldLogs, r.NewLogs = oldLines, newLines
	was := outcome(p.journal.End.Code, p.journal.End.Message, p.journal.End.Output, p.journal.End.Error)
	is := outcome(result.Code, result.Message, result.Output, result.Error)
	if was != is {
		r.OldOutcome, r.NewOutcome = was, is
	}
	return r
}

// heard are the calls whose answers reached the script, and those that were completed without it. One that was still open when the run
// ended may be open in a replay too, and not have been asked for when that ends.
func (j *Journal) heard() map[uint32]bool {
	heard := map[uint32]bool{}
	for _, c := range j.Calls {
		spec := script.SpecOf(c.Name)
		heard[c.Seq] = spec != nil && spec.Effect == script.Write || j.End.Tape.Cut
	}
	tape := j.End.Tape.Reader()
	for d, ok := tape.Peek(); ok; d, ok = tape.Peek() {
		if d.Kind == script.DeliveredAnswer {
			heard[uint32(d.ID)] = true //nolint:gosec // it was written from one
		}
		tape.Next()
	}
	return heard
}

func lines(logs []Call) []string {
	var out []string
	for _, l := range logs {
		var note script.LogNote
		_ = json.Unmarshal(l.Request, &note) // a line without its level is still a line
		level := note.Level
		if level == "" {
			level = causeway.LevelInfo
		}
		out = append(out, string(level)+" "+string(l.Body))
	}
	return out
}

func outcome(code, message string, output, failure json.RawMessage) string {
	if code == "" {
		return "success " + string(compact(output))
	}
	return fmt.Sprintf("%s: %s %s", code, message, compact(failure))
}

// shown is how many differences of a kind are printed.
const shown = 20

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	if r.Same() {
		fmt.Fprintf(&b, "the same: %d calls, %d log lines, the same outcome\n", r.Calls, r.Lines)
	}
	if r.Cut {
		fmt.Fprintln(&b, "the journal was cut: the run made more calls than a journal holds")
	}
	if r.Unknown != nil {
		fmt.Fprintf(&b, "the journal has no answer for call %d, and the replay ended there:\n  %s\n", r.Unknown.Seq, r.Unknown)
	}
	list(&b, "calls that were recorded and not made", "- ", r.Missing)
	list(&b, "calls that differ by what was made of credentials, and were taken for the recorded ones", "~ ", r.Alike)
	list(&b, "log lines of the recorded run", "- ", r.OldLogs)
	list(&b, "log lines of the replay", "+ ", r.NewLogs)
	if r.OldOutcome != r.NewOutcome {
		fmt.Fprintf(&b, "outcome:\n  - %s\n  + %s\n", r.OldOutcome, r.NewOutcome)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func list[T any](b *bytes.Buffer, title, mark string, items []T) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", title)
	for item := range slices.Values(items[:min(len(items), shown)]) {
		fmt.Fprintf(b, "  %s%v\n", mark, item)
	}
	if more := len(items) - shown; more > 0 {
		fmt.Fprintf(b, "  … and %d more\n", more)
	}
}
