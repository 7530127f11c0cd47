package zod_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"testing"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/modules/zod"
)

func TestTheBundleIsThePinnedVersionAndRuns(t *testing.T) {
	text, ok := zod.Bundle()
	require.True(t, ok, "zod is not built: run ./task build")
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	raw, err := os.ReadFile("package-lock.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &lock))
	pinned := lock.Packages["node_modules/zod"]
	assert.Equal(t, "4.3.6", pinned.Version)
	assert.NotEmpty(t, pinned.Integrity)

	vm := goja.New()
	got, err := vm.RunString(`const module = { exports: {} }; (function (exports, require, module) {` + string(text) + `
})(module.exports, () => { throw new Error("zod requires nothing"); }, module);
const z = module.exports; const v = z.core.version;
JSON.stringify([v.major + "." + v.minor + "." + v.patch, z.z.object === z.object, z.object({ a: z.email() }).safeParse({ a: "x" }).error.issues[0].code])`)
	require.NoError(t, err)
	assert.JSONEq(t, `["`+pinned.Version+`",true,"invalid_format"]`, got.String())
}

func TestDeclarationsAndLicence(t *testing.T) {
	types, ok := zod.Declarations()
	require.True(t, ok, "zod is not built: run ./task build")
	for _, name := range []string{"index.d.ts", "v4/index.d.ts", "v4/classic/external.d.ts"} {
		_, err := fs.Stat(types, name)
		require.NoError(t, err)
	}
	assert.Contains(t, zod.Licence(), "MIT License")
}
