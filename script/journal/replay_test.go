package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/journal"
	"github.com/causeway-dev/causeway/script/realm"
)

// busy makes what is hard to repeat: eight workers with calls in parallel, timers, races, the clock and random numbers.
const busy = `
exports.default = { type: 'action', exec: async (nango, input) => {
  const seen = [];
  const worker = async (w) => {
    for (let i = 0; i < 8; i++) {
      const r = await nango.get({ endpoint: '/w/' + w + '/' + i + '/' + seen.length, params: { t: String(Date.now() % 7) } });
      seen.push(w + ':' + r.data.n + ':' + Math.random().toFixed(3));
      if (i % 3 === w % 3) await new Promise((done) => setTimeout(done, (w + i) % 4));
      if (i === 4) await nango.log('worker ' + w + ' is half done at ' + Date.now());
    }
  };
  const ticks = [];
  const every = setInterval(() => ticks.push(Date.now()), 2);
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(worker));
  clearInterval(every);
  const first = await Promise.race([nango.get({ endpoint: '/race/a' }), nango.get({ endpoint: '/race/b' })]);
  return { seen, ticks: ticks.length, first: first.data.n, id: crypto.randomUUID(), input };
} };`

// outside answers in random order, a different one each time.
type outside struct {
	mu     sync.Mutex
	n      int
	all    sync.WaitGroup
	record func(script.Call, script.Answer, error)
	answer func(script.Call) (script.Answer, error)
}

func (o *outside) Call(_ context.Context, call script.Call) (script.Answer, error) {
	o.all.Add(1)
	defer o.all.Done()
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
	o.mu.Lock()
	o.n++
	body := fmt.Sprintf(`{"n":%d}`, o.n)
	o.mu.Unlock()
	answer, err := script.Answer{Meta: json.RawMessage(`{"status":200,"headers":[["content-type","application/json"]]}`), Body: []byte(body)}, error(nil)
	if o.answer != nil {
		answer, err = o.answer(call)
	}
	o.record(call, answer, err)
	return answer, err
}

func (o *outside) Note(call script.Call) { o.record(call, script.Answer{}, nil) }

func engine(t *testing.T) *realm.Engine {
	t.Helper()
	e, err := realm.New(realm.Options{Zod: []byte(`module.exports = {};`)})
	require.NoError(t, err)
	return e
}

func start() script.Start {
	return script.Start{
		Script: "busy-test", Kind: causeway.RunAction, FinishMs: 20_000, Seed: [32]byte{1, 2, 3}, Record: true, LoggerLevel: causeway.LevelDebug,
		Values: script.Values{ConnectionID: "c", ProviderConfigKey: "test", ScriptType: "action"}, Input: []byte(`{"a":1}`),
	}
}

// record runs a script and returns how it ended and its journal.
func record(t *testing.T, e *realm.Engine, text string, o *outside) (script.Result, *journal.Journal) {
	t.Helper()
	p, err := e.Compile("busy-test", []byte(text))
	require.NoError(t, err)
	s := start()
	r, err := journal.NewRecorder(s, journal.MaxSize)
	require.NoError(t, err)
	o.record = r.Record
	result := e.Run(t.Context(), p, s, o)
	o.all.Wait()
	stored, err := r.End(result)
	require.NoError(t, err)
	j, err := journal.Read(bytes.NewReader(stored))
	require.NoError(t, err)
	return result, j
}

func replay(t *testing.T, e *realm.Engine, j *journal.Journal, text string) (script.Result, *journal.Report) {
	t.Helper()
	p, err := e.Compile("busy-test", []byte(text))
	require.NoError(t, err)
	r := journal.NewReplayer(j)
	result := e.Run(t.Context(), p, r.Begin(), r)
	return result, r.Report(result)
}

func TestAReplayIsTheSameToTheByte(t *testing.T) {
	e := engine(t)
	for range 5 {
		was, j := record(t, e, busy, &outside{})
		require.Empty(t, was.Code, was.Message)
		require.Len(t, j.Calls, 66)
		is, report := replay(t, e, j, busy)
		assert.Equal(t, string(was.Output), string(is.Output))
		assert.True(t, report.Same(), "%+v", report)
		assert.GreaterOrEqual(t, report.Calls, 65, "the loser of the race may be on its way when the run ends")
		assert.Equal(t, 8, report.Lines)
	}
}

func TestAChangedScriptIsToldWhereItLeavesTheJournal(t *testing.T) {
	e := engine(t)
	const before = `exports.default = { type: 'action', exec: async (nango) => {
		const a = await nango.get({ endpoint: '/a' });
		const b = await nango.get({ endpoint: '/b' });
		await nango.log('done');
		return a.data.n + b.data.n;
	} };`
	_, j := record(t, e, before, &outside{})

	t.Run("another order of the same calls is fine", func(t *testing.T) {
		result, report := replay(t, e, j, strings.NewReplacer("'/a'", "'/b'", "'/b'", "'/a'").Replace(before))
		assert.Equal(t, "3", string(result.Output))
		assert.True(t, report.Same(), "%+v", report)
	})
	t.Run("another output is shown", func(t *testing.T) {
		_, report := replay(t, e, j, strings.ReplaceAll(before, "+ b.data.n", "* 100"))
		assert.Equal(t, []string{"success 3", "success 100"}, []string{report.OldOutcome, report.NewOutcome})
	})
	t.Run("the first unknown call is named", func(t *testing.T) {
		_, report := replay(t, e, j, strings.ReplaceAll(before, "'/b'", "'/c'"))
		require.NotNil(t, report.Unknown)
		assert.Contains(t, report.Unknown.String(), `"/c"`)
		require.Len(t, report.Missing, 1)
		assert.Contains(t, report.Missing[0].String(), `"/b"`)
		var text bytes.Buffer
		require.NoError(t, report.Print(&text))
		assert.Contains(t, text.String(), "the journal has no answer for call 2")
		assert.Contains(t, text.String(), "  - info {\"message\":\"done\"}\n")
	})
}

func TestAJournalHoldsNoCredentials(t *testing.T) {
	e := engine(t)
	const secret, variable = `t0p"secret`, "hunter22"
	const longer = variable + "and more"
	o := &outside{answer: func(call script.Call) (script.Answer, error) {
		switch call.Name {
		case script.CallConnectionGet:
			return script.Answer{Body: []byte(`{"id":1,"connection_id":"c","credentials":{"type":"API_KEY","apiKey":` + strconvQuote(secret) + `}}`)}, nil
		case script.CallVariables:
			return script.Answer{Body: []byte(`[{"name":"PW","value":"` + variable + `"},{"name":"LONG","value":"` + longer + `"}]`)}, nil
		default:
			return script.Answer{Meta: json.RawMessage(`{"status":200,"headers":[]}`), Body: []byte(`{}`)}, nil
		}
	}}
	const text = `exports.default = { type: 'action', exec: async (nango) => {
		const c = await nango.getConnection();
		const [v] = await nango.getEnvironmentVariables();
		await nango.post({ endpoint: '/login', data: { key: c.credentials.apiKey }, headers: { 'x-pw': v.value } });
		await nango.get({ endpoint: '/me', headers: { authorization: 'Basic ' + btoa(v.value + ':') } });
		await nango.log('key is ' + c.credentials.apiKey + (await nango.getEnvironmentVariables())[1].value);
		return [c.credentials.apiKey, v.value];
	} };`
	result, j := record(t, e, text, o)
	require.Empty(t, result.Code, result.Message)
	whole, err := json.Marshal(j)
	require.NoError(t, err)
	assert.NotContains(t, string(whole), "secret")
	assert.NotContains(t, strings.ReplaceAll(string(whole), "v.value", ""), variable)
	assert.Contains(t, string(whole), "{credentials.apiKey}{variable.LONG}")
	assert.NotContains(t, string(whole), "and more", "nor the rest of a secret that begins with another")

	_, report := replay(t, e, j, text)
	assert.True(t, report.Same(), "%+v", report)
	require.Len(t, report.Alike, 1, "what was made of a credential")
}

func strconvQuote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestAJournalThatIsTooLargeIsCut(t *testing.T) {
	r, err := journal.NewRecorder(start(), 1<<20)
	require.NoError(t, err)
	noise := make([]byte, 1<<20)
	source := rand.NewChaCha8([32]byte{9})
	for seq := range uint32(8) {
		_, _ = source.Read(noise)
		r.Record(script.Call{Seq: seq + 1, Name: script.CallProxy, Meta: json.RawMessage(`{}`)}, script.Answer{Body: noise}, nil)
	}
	stored, err := r.End(script.Result{})
	require.NoError(t, err)
	assert.Less(t, len(stored), 4<<20)
	j, err := journal.Read(bytes.NewReader(stored))
	require.NoError(t, err)
	assert.True(t, j.End.Cut)
	assert.NotEmpty(t, j.Calls)
	assert.Len(t, j.Calls[0].AnswerBody, 1<<20, "bytes that are no text are kept")
}
