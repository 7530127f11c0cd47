package realm

import (
	"math"
	"unicode/utf8"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// tryAcquireLock resolves to true when the key is free, expired or already the run's own.
func (a *actionMethods) tryAcquireLock(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		key, ok := r.lockKey(t, c)
		if !ok {
			return
		}
		ttl := r.property(c.Argument(0).(*goja.Object), "ttlMs").ToFloat()
		if math.IsNaN(ttl) || ttl <= 0 || ttl > math.MaxInt32*1000 {
			t.fail("Invalid lock TTL: ttlMs must be a number greater than 0")
			return
		}
		q := script.LockRequest{Key: key, TTLMs: int64(math.Ceil(ttl))}
		t.call(script.CallLockAcquire, q, nil, func(answer script.Answer) { t.resolve(decode[script.LockAnswer](t, answer).Done) })
	})
}

// releaseLock resolves to whether something was released. It is completed also when the run is being stopped.
func (a *actionMethods) releaseLock(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.lateTask(func(t *task) {
		if key, ok := r.lockKey(t, c); ok {
			r.release(t, script.CallLockRelease, script.LockRequest{Key: key})
		}
	})
}

func (a *actionMethods) releaseAllLocks(goja.FunctionCall) goja.Value {
	r := a.run
	return r.lateTask(func(t *task) { r.release(t, script.CallLockReleaseAll, script.None{}) })
}

func (r *run) release(t *task, call string, q any) {
	t.ask(call, q, nil, func(answer script.Answer, err *script.CallError) {
		switch {
		case r.stopped() != nil:
			t.abort()
		case err != nil:
			t.reject(r.callError(err, t.stack))
		default:
			t.resolve(decode[script.LockAnswer](t, answer).Done)
		}
	})
}

func (r *run) lockKey(t *task, c goja.FunctionCall) (string, bool) {
	var key string
	if o, ok := c.Argument(0).(*goja.Object); ok {
		key = r.text(o, "key")
	}
	if n := utf8.RuneCountInString(key); n < 1 || n > 255 {
		t.fail("Invalid lock key: it must be between 1 and 255 characters")
		return "", false
	}
	return key, true
}
