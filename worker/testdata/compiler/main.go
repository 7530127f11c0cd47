// Command compiler is compile mode with a compiler that does as its input says.
package main

import (
	"bytes"
	"os"
	"runtime"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/runner"
)

func main() { os.Exit(runner.CompileMain(os.Args[1:], lower)) }

func lower(job script.CompileJob) script.CompileResult {
	switch string(job.Text) {
	case "nested":
		recurse(1)
	case "huge":
		var keep [][]byte
		for {
			keep = append(keep, bytes.Repeat([]byte{1}, 1<<20))
			runtime.KeepAlive(keep)
		}
	case "refused":
		return script.CompileResult{Code: "deploy_script_security_rejected", Message: job.Name + ": no"}
	}
	return script.CompileResult{Lowered: bytes.ToUpper(job.Text), SourceMap: []byte(`{"version":3}`)}
}

//go:noinline
func recurse(n int) int { return recurse(n+1) + n }
