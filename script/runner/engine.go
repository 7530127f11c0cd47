package runner

import (
	"context"
	"fmt"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/realm"
)

// Engine runs scripts.
type Engine interface {
	// Compile makes a program of a lowered text; name is "<name>-<integration>".
	Compile(name string, text []byte) (Program, error)
	// Run runs a program to its end. The cause of ctx, a *script.AbortError, says how to stop. While it runs it notes its
	// progress every second that it isn't within one turn of the script.
	Run(ctx context.Context, p Program, start script.Start, caller Caller) script.Result
}

// Program is what an engine has compiled. It is immutable, so that runs share it.
type Program any

// Caller takes the host calls of a run. The error of Call is always a *script.CallError; Note does not block.
type Caller interface {
	Call(ctx context.Context, call script.Call) (script.Answer, error)
	Note(call script.Call)
}

// realmEngine is the engine that production uses.
type realmEngine struct{ engine *realm.Engine }

func newRealm() (Engine, error) {
	e, err := realm.New(realm.Options{})
	if err != nil {
		return nil, fmt.Errorf("prepare the script engine: %w", err)
	}
	return realmEngine{e}, nil
}

func (e realmEngine) Compile(name string, text []byte) (Program, error) {
	return e.engine.Compile(name, text)
}

func (e realmEngine) Run(ctx context.Context, p Program, start script.Start, caller Caller) script.Result {
	return e.engine.Run(ctx, p.(*realm.Program), start, caller)
}
