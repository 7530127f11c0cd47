package runner

import (
	"encoding/json"
	"runtime/debug"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

// maxCompileStack bounds the recursion of parsers, in bytes: beyond it the process ends, which the worker tells the
// customer as nesting that is too deep. It is well below the memory limit, or that would be met first.
const maxCompileStack = 64 << 20

// CompileMain is a runner process in compile mode: bundles come in as starts, one after another, and go out lowered.
func CompileMain(args []string, lower func(script.CompileJob) script.CompileResult) int {
	debug.SetMaxStack(maxCompileStack)
	return start(args, wire.MaxCompileBody, func(l *frame.Link) error {
		for {
			m, err := l.Receive()
			if err != nil {
				return err
			}
			if m.Type != frame.Start {
				return m.Violation("unexpected message")
			}
			var job script.CompileJob
			if err := json.Unmarshal(m.Meta, &job); err != nil {
				return m.Violation("unreadable job")
			}
			job.Text = m.Body
			if err := answerJob(l, m.Run, lower(job)); err != nil {
				return err
			}
		}
	})
}

// answerJob sends a result in a goroutine of its own: what is received meanwhile gives it credit.
func answerJob(l *frame.Link, run uint32, r script.CompileResult) error {
	r.Message = wire.Clean(r.Message, wire.MaxText)
	meta, err := json.Marshal(wire.Compiled{CompileResult: r, Length: len(r.Lowered)})
	if err != nil {
		return err
	}
	go func() {
		// A failure is the connection's, which the next Receive meets.
		_ = l.Finish(frame.Message{Type: frame.Result, Run: run, Meta: meta, Body: append(r.Lowered[:len(r.Lowered):len(r.Lowered)], r.SourceMap...)})
	}()
	return nil
}
