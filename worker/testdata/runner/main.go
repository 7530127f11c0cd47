// Command runner is a runner whose engine does as its program says, good or bad: one word and an argument.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/runner"
)

func main() {
	os.Exit(runner.MainWith(os.Args[1:], func() (runner.Engine, error) { return engine{}, nil }))
}

type engine struct{}

func (engine) Compile(_ string, text []byte) (runner.Program, error) {
	if string(text) == "uncompilable" {
		return nil, fmt.Errorf("it can't be compiled")
	}
	return strings.Fields(string(text)), nil
}

func (engine) Run(ctx context.Context, p runner.Program, start script.Start, caller runner.Caller) script.Result {
	words := p.([]string)
	arg := 0
	if len(words) > 1 {
		arg, _ = strconv.Atoi(words[1])
	}
	if do := programs[words[0]]; do != nil {
		return do(ctx, arg, start, caller)
	}
	return script.Result{Code: "unknown_program"}
}

var programs = map[string]func(ctx context.Context, arg int, start script.Start, caller runner.Caller) script.Result{
	"echo": func(_ context.Context, _ int, start script.Start, _ runner.Caller) script.Result {
		return output(start.Input)
	},
	"fetch": fetch,
	"pages": pages,
	"environment": func(context.Context, int, script.Start, runner.Caller) script.Result {
		return output(os.Environ())
	},
	"log":  log,
	"wait": wait,
	"late": late,
	"hang": func(_ context.Context, _ int, _ script.Start, caller runner.Caller) script.Result {
		caller.Note(script.Call{Name: script.CallProgress, Meta: json.RawMessage(`{}`)})
		for { // neither looks at its context nor says another word
			runtime.Gosched()
		}
	},
	"crash": func(context.Context, int, script.Start, runner.Caller) script.Result { panic("an engine's defect") },
	"eat":   eat,
	"forge": func(context.Context, int, script.Start, runner.Caller) script.Result {
		_, _ = syscall.Write(3, bytes.Repeat([]byte{0xff}, 16))
		select {}
	},
	"large": func(_ context.Context, n int, _ script.Start, _ runner.Caller) script.Result {
		return output(strings.Repeat("x", n))
	},
	"fail": func(context.Context, int, script.Start, runner.Caller) script.Result {
		return script.Result{Code: "action_script_runtime_error", Message: "bad \x1b[31m\x00text", Error: json.RawMessage(`{"payload":1}`), Crashed: true}
	},
}

func output(v any) script.Result {
	if raw, ok := v.([]byte); ok {
		return script.Result{Output: raw}
	}
	b, _ := json.Marshal(v)
	return script.Result{Output: b}
}

// fetch sends a body of n bytes and gives back what came.
func fetch(ctx context.Context, n int, _ script.Start, caller runner.Caller) script.Result {
	a, err := caller.Call(ctx, script.Call{Seq: 1, Name: script.CallFetch, Meta: json.RawMessage(`{"method":"POST","url":"x"}`), Body: bytes.Repeat([]byte("b"), n)})
	if err != nil {
		return script.Result{Code: "script_http_error", Message: err.Error()}
	}
	return output(fmt.Sprintf("%s %d %t", a.Meta, len(a.Body), bytes.Equal(a.Body, bytes.Repeat([]byte("a"), len(a.Body)))))
}

// pages makes n calls, 64 at once.
func pages(ctx context.Context, n int, _ script.Start, caller runner.Caller) script.Result {
	free, failed := make(chan struct{}, script.InFlight), make(chan error, n)
	for i := range n {
		free <- struct{}{}
		go func() {
			_, err := caller.Call(ctx, script.Call{Seq: uint32(i + 1), Name: script.CallFetch, Meta: json.RawMessage(`{"method":"GET","url":"x"}`)})
			failed <- err
			<-free
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			return script.Result{Code: "failed", Message: err.Error()}
		}
	}
	return output(n)
}

func log(_ context.Context, n int, _ script.Start, caller runner.Caller) script.Result {
	for i := range n {
		caller.Note(script.Call{Name: script.CallLog, Meta: json.RawMessage(`{"level":"info"}`), Body: []byte(strconv.Itoa(i))})
	}
	return output(n)
}

// wait lives until it is told to stop.
func wait(ctx context.Context, _ int, _ script.Start, caller runner.Caller) script.Result {
	for {
		caller.Note(script.Call{Name: script.CallProgress, Meta: json.RawMessage(`{}`)})
		select {
		case <-ctx.Done():
			return script.Result{Code: "stopped", Message: context.Cause(ctx).Error()}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// late waits in a call, and when it is told to stop makes two more.
func late(ctx context.Context, _ int, _ script.Start, caller runner.Caller) script.Result {
	_, first := caller.Call(ctx, script.Call{Seq: 1, Name: script.CallFetch, Meta: json.RawMessage(`{"method":"GET","url":"hang"}`)})
	_, fetch := caller.Call(context.Background(), script.Call{Seq: 2, Name: script.CallFetch, Meta: json.RawMessage(`{"method":"GET","url":"x"}`)})
	_, release := caller.Call(context.Background(), script.Call{Seq: 3, Name: script.CallLockRelease, Meta: json.RawMessage(`{"key":"k"}`)})
	return script.Result{Code: "stopped", Message: fmt.Sprintf("%v | %v | %v", first, fetch, release)}
}

func eat(context.Context, int, script.Start, runner.Caller) script.Result {
	var keep [][]byte
	for {
		keep = append(keep, bytes.Repeat([]byte{1}, 1<<20))
		runtime.KeepAlive(keep)
	}
}
