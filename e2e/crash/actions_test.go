//go:build e2e

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// actions are the calls of actions, and what became of each.
type actions struct {
	st       *stack
	provider *provider
	caller   *caller

	next     atomic.Int32
	mu       sync.Mutex
	outcomes map[string]int // by named outcome
	tries    int
	open     map[string]string // calls without an answer, with what was heard last
	never    map[string]string // calls whose answer says that nothing happened: nothing may happen later either
}

// run lets callers call until all actions are called and answered, or ctx ends. They are spread over the time of the faults.
func (a *actions) run(ctx context.Context, seed uint64) {
	a.outcomes, a.open, a.never = map[string]int{}, map[string]string{}, map[string]string{}
	began := time.Now()
	var g sync.WaitGroup
	for c := range a.st.s.callers {
		g.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(c)+1))
			for {
				n := int(a.next.Add(1)) - 1
				if n >= a.st.s.actions {
					return
				}
				due := began.Add(a.st.s.during * time.Duration(n) / time.Duration(a.st.s.actions))
				if !pause(ctx, time.Until(due)) {
					return
				}
				a.one(ctx, n, r)
			}
		})
	}
	g.Wait()
}

// one calls one action until it has an answer. The idempotency key makes calling again safe.
func (a *actions) one(ctx context.Context, n int, r *rand.Rand) {
	id := fmt.Sprintf("effect-%05d", n)
	ms := r.IntN(1500)
	if n%5 == 0 {
		ms = 3000 // longer than a run that is attended by the workflow's own task
	}
	if n%10 == 3 {
		ms = 300
		a.async(ctx, id, ms)
		return
	}
	a.hear(id, "nothing yet")
	for {
		got, err := a.trigger(ctx, id, ms)
		if err == nil && a.judge(id, got) {
			return
		}
		a.hear(id, said(got, err))
		if !pause(ctx, 300*time.Millisecond) {
			return
		}
	}
}

func (a *actions) trigger(ctx context.Context, id string, ms int, headers ...string) (answer, error) {
	a.mu.Lock()
	a.tries++
	a.mu.Unlock()
	return a.caller.call(ctx, "POST", "/action/trigger", map[string]any{"action_name": "effect", "input": map[string]any{"id": id, "ms": ms}},
		append([]string{"Provider-Config-Key", "crash", "Connection-Id", connectionID(0), "Idempotency-Key", id}, headers...)...)
}

// async calls an action without waiting for it, and reads its result later.
func (a *actions) async(ctx context.Context, id string, ms int) {
	a.hear(id, "nothing yet")
	var path string
	for path == "" {
		got, err := a.trigger(ctx, id, ms, "X-Async", "true")
		var accepted struct{ StatusURL string }
		switch {
		case err == nil && got.Status == http.StatusAccepted && json.Unmarshal(got.Body, &accepted) == nil:
			path = accepted.StatusURL
		case err == nil && got.Status < 500:
			a.st.found("async action %s: %s", id, said(got, err))
			return
		default:
			a.hear(id, said(got, err))
			if !pause(ctx, 300*time.Millisecond) {
				return
			}
		}
	}
	for {
		got, err := a.caller.call(ctx, "GET", path, nil)
		if err == nil && got.Status != http.StatusNotFound && a.judge(id, got) {
			return
		}
		a.hear(id, said(got, err))
		if !pause(ctx, 300*time.Millisecond) {
			return
		}
	}
}

// outcomes that a caller may be told of a run that the faults have hit, and whether its effect may have happened.
var named = map[string]bool{
	"outcome_unknown": true, "script_runner_crashed": true, "worker_stopped": true, "start_timeout": false, "script_aborted": true,
	// Its host call failed, because Redis or a database was away: the script was told, and threw.
	"script_internal_error": true, "action_script_runtime_error": true, "script_network_error": true, "script_http_error": true, "action_script_failure": true,
}

// judge says whether an answer is final, and checks it against what happened outside.
func (a *actions) judge(id string, got answer) bool {
	happened := a.provider.happened(id)
	if got.Status == http.StatusOK {
		if happened != 1 {
			a.st.found("action %s was answered with success, and its effect happened %d times", id, happened)
		}
		a.end(id, "success")
		return true
	}
	code, inner := got.problem()
	if inner != "" {
		code = inner
	}
	may, known := named[code]
	if !known {
		if got.Status < 500 {
			a.st.found("action %s: %s", id, said(got, nil))
			a.end(id, code)
			return true
		}
		return false // the platform could not take the call: it is made again
	}
	if !may {
		a.mu.Lock()
		a.never[id] = code
		a.mu.Unlock()
	}
	a.end(id, code)
	return true
}

func (a *actions) hear(id, what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[id] = what
}

func (a *actions) end(id, outcome string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
	a.outcomes[outcome]++
}

func said(got answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %.300s", got.Status, got.Body)
}

// check counts, when everything has ended.
func (a *actions) check() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, last := range a.open {
		a.st.found("action %s has no answer; heard last: %s", id, last)
	}
	a.provider.mu.Lock()
	defer a.provider.mu.Unlock()
	for id, n := range a.provider.effects {
		if n > 1 {
			a.st.found("the effect of action %s happened %d times", id, n)
		}
	}
	for id, code := range a.never {
		if a.provider.effects[id] > 0 {
			a.st.found("action %s was answered with %s, and its effect happened", id, code)
		}
	}
	a.st.t.Logf("%d actions in %d calls; outcomes %v; %d effects", a.st.s.actions, a.tries, a.outcomes, len(a.provider.effects))
	if all := a.st.s.actions; a.outcomes["success"] < all*4/10 {
		a.st.found("only %d of %d actions succeeded", a.outcomes["success"], all)
	}
}
