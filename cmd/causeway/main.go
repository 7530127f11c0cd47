// Command causeway is the platform and its command line.
package main

import (
	"os"

	"github.com/causeway-dev/causeway/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
