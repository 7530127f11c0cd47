package realm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// logged is what one log call leaves: level, message, meta; nothing if it was dropped.
func logged(t *testing.T, call string, options ...option) string {
	t.Helper()
	host := &fakeHost{}
	output(t, runBody(t, host, call+`;`, options...))
	if len(host.notes) == 0 {
		return ""
	}
	require.Len(t, host.notes, 1)
	var note script.LogNote
	require.NoError(t, json.Unmarshal(host.notes[0].Meta, &note))
	var body struct {
		Message string          `json:"message"`
		Meta    json.RawMessage `json:"meta,omitempty"`
	}
	require.NoError(t, json.Unmarshal(host.notes[0].Body, &body))
	require.NotZero(t, note.Time)
	return strings.TrimSpace(string(note.Level) + " " + body.Message + " " + string(body.Meta))
}

func TestLogArguments(t *testing.T) {
	for call, want := range map[string]string{
		`nango.log("hello")`:                                                     `info hello`,
		`nango.log("hello", {a: 1})`:                                             `info hello {"a":1}`,
		`nango.log("hello", {a: 1}, {level: "error"})`:                           `error hello {"a":1}`,
		`nango.log("hello", {level: "warn"})`:                                    `warn hello`,
		`nango.log("hello", {level: "http"})`:                                    `info hello`,
		`nango.log("hello", {level: "verbose"})`:                                 `debug hello`,
		`nango.log("hello", {level: "silly"})`:                                   `debug hello`,
		`nango.log("hello", ["a", "b"])`:                                         `info hello {"0":"a","1":"b"}`,
		`nango.log("hello", 5)`:                                                  `info hello {"value":5}`,
		`nango.log({a: [1, "x"]})`:                                               `info {"a":[1,"x"]}`,
		`nango.log(42)`:                                                          `info 42`,
		`nango.log("h", {Authorization: "Bearer x", n: {authorization: "y"}})`:   `info h {"Authorization":"REDACTED","n":{"authorization":"REDACTED"}}`,
		`nango.log("h", {b: Buffer.from("x"), u: new Uint8Array(2)})`:            `info h {"b":"[Buffer]","u":"[Buffer]"}`,
		`nango.log("h", (() => { const a = {}; a.self = a; return a })())`:       `info h {"self":"[Circular]"}`,
		`nango.log("h", {d: new Date(0), f() {}, n: NaN, i: 10n, u: undefined})`: `info h {"d":"1970-01-01T00:00:00.000Z","f":"[Function]","n":null,"i":"10"}`,
		`nango.log("h", {get x() { throw 1 }, y: 1})`:                            `info h {"y":1}`,
		`nango.log("h", {l: [...Array(22).keys()]})`:                             `info h {"l":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,"... 2 more"]}`,
		`nango.log("h", JSON.parse('{"a":'.repeat(12) + '1' + '}'.repeat(12)))`:  `info h ` + strings.Repeat(`{"a":`, 10) + `"[Object]"` + strings.Repeat(`}`, 10),
		`nango.log()`: ``,
	} {
		t.Run(call, func(t *testing.T) { require.Equal(t, want, logged(t, call)) })
	}
}

func TestErrorsAreLoggedWithWhatTheyHold(t *testing.T) {
	got := logged(t, `
		const e = new TypeError("bad"); e.code = "E"; e.config = {headers: {Authorization: "Bearer secret"}}; e.cause2 = e;
		nango.log("failed", e)`)
	require.Contains(t, got, `"name":"TypeError","message":"bad","stack":`)
	require.Contains(t, got, `"code":"E"`)
	require.Contains(t, got, `"Authorization":"REDACTED"`)
	require.Contains(t, got, `"cause2":"[Circular]"`)
	require.NotContains(t, got, "secret")
}

func TestLogLevels(t *testing.T) {
	at := func(level causeway.Level) option { return with(func(s *script.Start) { s.LoggerLevel = level }) }
	require.Empty(t, logged(t, `nango.log("x")`, at("")), "the default is warn")
	require.Equal(t, "warn x", logged(t, `nango.log("x", {level: "warn"})`, at("")))
	require.Equal(t, "info x", logged(t, `nango.setLogger({level: "debug"}); nango.log("x")`, at("")))
	require.Empty(t, logged(t, `nango.setLogger({level: "error"}); nango.log("x", {level: "warn"})`))
	require.Empty(t, logged(t, `nango.setLogger({level: "debug"}); nango.log("x", {level: "error"})`, at(causeway.LevelOff)), "off stays")
	require.Equal(t, `"error"`, output(t, runBody(t, &fakeHost{}, `nango.setLogger({level: "error"}); return nango.logger.level`)))
}

func TestLogLinesAreCutAndFloodsCounted(t *testing.T) {
	for name, text := range map[string]string{"letters": `"a".repeat(10e6)`, "quotes": `'"'.repeat(200000)`, "wide": `"é".repeat(200000)`} {
		t.Run(name, func(t *testing.T) {
			host := &fakeHost{}
			output(t, runBody(t, host, `nango.log(`+text+`)`))
			require.Len(t, host.notes, 1)
			require.LessOrEqual(t, len(host.notes[0].Body), script.MaxLog)
			require.Greater(t, len(host.notes[0].Body), script.MaxLog-100)
			require.True(t, strings.HasSuffix(host.lines(t)[0], "... (truncated)"))
		})
	}
	host := &fakeHost{}
	output(t, runBody(t, host, `nango.log("x", {big: "y".repeat(99000)})`))
	require.JSONEq(t, `{"message":"x"}`, string(host.notes[0].Body), "an entry that is too large loses its metadata")

	host = &fakeHost{}
	output(t, runBody(t, host, `for (let i = 0; i < 5000; i++) nango.log("x" + i)`))
	lines := host.lines(t)
	require.Less(t, len(lines), 3000)
	require.Contains(t, lines[len(lines)-1], "log lines were dropped")
}

func TestUnhandledRejectionsAreLoggedAndNotFatal(t *testing.T) {
	host := &fakeHost{}
	require.Equal(t, "1", output(t, runBody(t, host, `
		Promise.reject(new Error("lost")); const late = Promise.reject(new Error("caught")); late.catch(() => {});
		setTimeout(() => { throw new Error("in a timer") }, 1);
		await new Promise(r => setTimeout(r, 10)); return 1`)))
	require.Equal(t, []string{"error: Unhandled promise rejection: Error: lost", "error: Uncaught exception in a timer: Error: in a timer"}, host.lines(t))
}
