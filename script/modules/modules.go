// Package modules is what the modules that scripts can import have in common: a JavaScript text and the native functions
// below it. Each module is a package of its own; script/realm registers and loads them.
//
// Start reading with script/modules/url, the smallest one.
package modules

import (
	"fmt"
	"io"
	"reflect"

	"github.com/dop251/goja"
)

// Native is a function that a module's JavaScript can call. A JavaScript error is thrown by panicking with its value.
type Native = func(goja.FunctionCall) goja.Value

// Module is one importable module.
type Module struct {
	Name string // without "node:"
	// Source is an expression whose value is a function (natives, require, global) that returns the exports.
	Source  string
	Natives func(*Env) map[string]Native
}

// Env is the realm that a module is loaded into.
type Env struct {
	VM   *goja.Runtime
	Rand io.Reader // the run's own stream, so that a replay draws the same
	// Fetch makes a plain HTTP call through the host: {url, method, headers, body} gives a promise of a Response.
	Fetch Native
}

// MaxBytes is the largest buffer that a script can make.
const MaxBytes = 256 << 20

// Bytes returns the bytes of an ArrayBuffer or a typed array without copying them; false for anything else.
func (e *Env) Bytes(v goja.Value) ([]byte, bool) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, false
	}
	t := o.ExportType()
	if t == nil || t != arrayBufferType && (t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Interface) {
		return nil, false
	}
	var b []byte
	if err := e.VM.ExportTo(o, &b); err != nil {
		return nil, false
	}
	return b, true
}

var arrayBufferType = reflect.TypeFor[goja.ArrayBuffer]()

// MustBytes is Bytes, with a TypeError for anything else.
func (e *Env) MustBytes(v goja.Value) []byte {
	b, ok := e.Bytes(v)
	if !ok {
		panic(e.VM.NewTypeError("The argument must be a buffer or a typed array"))
	}
	return b
}

// Throw raises an error of the given constructor ("Error", "RangeError") with a code, as Node's modules do.
func (e *Env) Throw(constructor, code, format string, args ...any) {
	o, err := e.VM.New(e.VM.Get(constructor), e.VM.ToValue(fmt.Sprintf(format, args...)))
	if err != nil {
		panic(err)
	}
	if code != "" {
		_ = o.Set("code", code)
	}
	panic(o)
}

// ArrayBuffer hands bytes to the script without copying them.
func (e *Env) ArrayBuffer(b []byte) goja.Value { return e.VM.ToValue(e.VM.NewArrayBuffer(b)) }
