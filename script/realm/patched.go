package realm

import (
	"errors"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

// matchLimit is how long one match of a regular expression that backtracks may take.
const matchLimit = time.Second

// What our patches add to the engine is asked for by interface, so that the plain one compiles as well.
type (
	patchedRuntime interface {
		DisableCodeGeneration()
		CatchStackOverflow()
		SetProcessLimits(text, buffer int64, match time.Duration)
	}
	regexpTimeout interface {
		error
		RegexpTimeout() bool
	}
)

var errRegexpTimeout = errors.New("a regular expression took too long: it backtracks too much on this text")

// Patched says whether the engine that this program was built with has our patches. The plain one runs scripts as well, but some that are
// hostile end their runner, which takes its other runs along.
func Patched() bool {
	_, ok := any((*goja.Runtime)(nil)).(patchedRuntime)
	return ok
}

// limitProcess sets what the patched engine limits for all realms of a process, once.
var limitProcess = sync.OnceFunc(func() {
	if vm, ok := any(goja.New()).(patchedRuntime); ok {
		vm.SetProcessLimits(maxText, modules.MaxBytes, matchLimit)
	}
})
