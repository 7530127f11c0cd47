package spec

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// recorded is what has to be known of a fixture before it runs.
type recorded struct {
	Output   json.RawMessage            `json:"output"`
	Nango    map[string]json.RawMessage `json:"nango"`
	Causeway json.RawMessage            `json:"causeway"`
}

func (f *recorded) hasOutput() bool { return f.Output != nil }

func (f *recorded) records() bool { return f.Nango["batchSave"] != nil }

func (r *runner) recordedOf(u unit) (*recorded, error) {
	raw, err := r.files.read(u.path)
	if err != nil {
		return nil, err
	}
	var f recorded
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("the fixture is not JSON: %w", err)
	}
	return &f, nil
}

// fixtureScript names the script of a fixture; "" if there is none.
func (r *runner) fixtureScript(u unit) string {
	f, err := r.recordedOf(u)
	if err != nil {
		return ""
	}
	kind, name, err := r.project.scriptOf(u, f)
	if err != nil {
		return ""
	}
	return kind + "/" + name
}

// fixtureModule writes the test of a fixture that no test file uses: the one that is generated for its kind of script.
func (r *runner) fixtureModule(u unit) func() ([]byte, error) {
	return func() ([]byte, error) {
		f, err := r.recordedOf(u)
		if err != nil {
			return nil, err
		}
		kind, name, err := r.project.scriptOf(u, f)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(filepath.Base(u.path), fixtureSuffix)
		body := map[string]string{"actions": actionTest, "syncs": syncTest, "on-events": eventTest}[kind]
		if kind == "actions" && !f.hasOutput() {
			body = silentActionTest
		}
		head, err := json.Marshal(map[string]string{"title": u.integration + " " + base, "name": base})
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, "import * as loaded from '../%s/%s.ts';\nconst script = loaded.default;\nconst { title, name } = %s;\n%s%s", kind, name, head, common, body), nil
	}
}

const common = `
const exec = (...args) => typeof script === 'function' ? script(...args) : script.exec(...args);
const double = (Double) => new Double({ dirname: __dirname, name, Model: '' });
`

const actionTest = `
describe(title, () => {
  it('output', async () => {
    const nango = double(vitest.NangoActionMock);
    const response = await exec(nango, await nango.getInput());
    expect(response).toEqual(await nango.getOutput());
  });
});
`

const silentActionTest = `
describe(title, () => {
  it('output', async () => {
    const nango = double(vitest.NangoActionMock);
    expect(await exec(nango, await nango.getInput())).toBeUndefined();
  });
});
`

const eventTest = `
describe(title, () => {
  it('exec', async () => { await exec(double(vitest.NangoActionMock)); });
});
`

const syncTest = `
const modelsOf = async (nango) => {
  const declared = Object.keys(script.models ?? {});
  if (declared.length > 0) return declared;
  return Object.keys((await nango.fixtureProvider).mockData?.nango?.batchSave ?? {});
};
const given = (spy, model) => JSON.parse(JSON.stringify(spy.mock.calls.filter((c) => c[1] === model).flatMap((c) => c[0])));
describe(title, () => {
  it('batchSave', async () => {
    const nango = double(vitest.NangoSyncMock);
    await exec(nango);
    for (const model of await modelsOf(nango)) expect(given(nango.batchSave, model), model).toStrictEqual(await nango.getBatchSaveData(model));
  });
  it('batchDelete', async () => {
    const nango = double(vitest.NangoSyncMock);
    await exec(nango);
    for (const model of await modelsOf(nango)) {
      const expected = await nango.getBatchDeleteData(model);
      if (expected && expected.length > 0) expect(given(nango.batchDelete, model), model).toStrictEqual(expected);
    }
  });
});
`

// hint says what a fixture run alone usually lacks.
func (h *host) hint(f *Failure, readClock bool) {
	for _, what := range []string{"getConnection", "getMetadata"} {
		if strings.Contains(f.Message, "Missing mock data for "+what) {
			f.Message += fmt.Sprintf("\nThe script asked for %s, and the fixture records none.", strings.TrimPrefix(what, "get"))
		}
	}
	if readClock {
		f.Message += "\nThe script read the clock: a recording that depends on the time needs a test file with a fake one, or causeway.now."
	}
}
