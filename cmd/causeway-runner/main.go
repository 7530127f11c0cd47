// Command causeway-runner is the process that customers' scripts run in. It is started by a worker and serves nobody else.
package main

import (
	"os"

	"github.com/causeway-dev/causeway/script/runner"
)

func main() { os.Exit(runner.Main(os.Args[1:])) }
