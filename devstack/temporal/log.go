package temporal

import (
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// quietLogger passes the server's errors on until it is silenced.
type quietLogger struct {
	inner  log.Logger
	silent *atomic.Bool
}

func newQuietLogger() *quietLogger {
	return &quietLogger{log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "fatal", Format: "json"})), &atomic.Bool{}}
}

func (l *quietLogger) silence() { l.silent.Store(true) }

func (l *quietLogger) say(f func(string, ...tag.Tag), msg string, tags []tag.Tag) {
	if !l.silent.Load() {
		f(msg, tags...)
	}
}

func (l *quietLogger) Debug(msg string, tags ...tag.Tag)  { l.say(l.inner.Debug, msg, tags) }
func (l *quietLogger) Info(msg string, tags ...tag.Tag)   { l.say(l.inner.Info, msg, tags) }
func (l *quietLogger) Warn(msg string, tags ...tag.Tag)   { l.say(l.inner.Warn, msg, tags) }
func (l *quietLogger) Error(msg string, tags ...tag.Tag)  { l.say(l.inner.Error, msg, tags) }
func (l *quietLogger) DPanic(msg string, tags ...tag.Tag) { l.say(l.inner.DPanic, msg, tags) }
func (l *quietLogger) Panic(msg string, tags ...tag.Tag)  { l.inner.Panic(msg, tags...) }
func (l *quietLogger) Fatal(msg string, tags ...tag.Tag)  { l.inner.Fatal(msg, tags...) }
