package spec

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/causeway-dev/causeway/script/realm"
)

//go:embed js
var sources embed.FS

// order is how the framework's parts build on each other.
var order = []string{"equal.js", "spy.js", "clock.js", "expect.js", "runner.js", "modules.js", "identity.js", "double.js", "globals.js"}

// framework is the libraries, compiled once per process.
var framework = sync.OnceValues(func() ([]*realm.Library, error) {
	var out []*realm.Library
	for _, name := range order {
		text, err := sources.ReadFile("js/" + name)
		if err != nil {
			return nil, err
		}
		l, err := realm.NewLibrary(name, string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
})

// engine is what all realms of the process share: it is compiled once, and immutable.
var engine = sync.OnceValues(func() (*realm.Engine, error) { return realm.New(realm.Options{}) })

// setting is the library that comes first: what the others have to know of this file. from is the step of its plan to begin with.
func setting(root, path string, from int, newer bool) (*realm.Library, error) {
	values, err := json.Marshal(map[string]any{"root": root, "path": path, "from": from})
	if err != nil {
		return nil, err
	}
	return realm.NewLibrary("file.js", fmt.Sprintf("(function (global, env) { env.file = %s; env.later = %t; env.equality = { later: %t }; })", values, newer, newer))
}
