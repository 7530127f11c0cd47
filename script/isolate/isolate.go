package isolate

import (
	"errors"
	"slices"
	"time"
)

// Names of the steps, in the order in which they are taken: limits while nothing is forbidden, Landlock while its system
// calls still pass, the filter last, since it takes away the calls that the others need.
const (
	ParentDeath  = "parent_death"    // SIGKILL when the worker ends
	Limits       = "rlimits"         // memory, files, core dumps
	NotDumpable  = "not_dumpable"    // no ptrace and no /proc/<pid>/mem by the same user
	Capabilities = "no_capabilities" //
	NoNewPrivs   = "no_new_privs"    //
	Landlock     = "landlock"        // no path, no TCP, no abstract sockets, no signals to others
	Seccomp      = "seccomp"         // an allow list of system calls
)

// Options of Apply.
type Options struct {
	Without   []string // steps to leave out
	DataLimit uint64   // bytes of writable memory (RLIMIT_DATA); 0: no limit
	// Lenient answers EPERM to what otherwise ends the process, so that attempts can be told apart.
	Lenient bool
}

// Step is the outcome of one mechanism.
type Step struct {
	Name string        `json:"name"`
	Err  string        `json:"error,omitempty"` // empty: in force
	Took time.Duration `json:"took"`
}

// errLeftOut is the outcome of a step that was not wanted.
var errLeftOut = errors.New("left out")

// Apply takes the steps, on all threads of the process. It can't be undone.
func Apply(o Options) []Step {
	all := steps(o)
	out := make([]Step, 0, len(all))
	for _, s := range all {
		began := time.Now()
		err := errLeftOut
		if !slices.Contains(o.Without, s.name) {
			err = s.take()
		}
		step := Step{Name: s.name, Took: time.Since(began)}
		if err != nil {
			step.Err = err.Error()
		}
		out = append(out, step)
	}
	return out
}

type step struct {
	name string
	take func() error
}
