package realm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// members are what the object has, by flavour: methods of every script, and those of syncs and webhook scripts alone.
const (
	everyMethod = `clearCheckpoint delete get getCheckpoint getConnection getEnvironmentVariables getFieldMapping getFlowAttributes getIntegration getMetadata getToken getWebhookURL
		log paginate patch post proxy put releaseAllLocks releaseLock saveCheckpoint setFieldMapping setLogger setMetadata startSync triggerAction triggerSync tryAcquireLock uncontrolledFetch
		updateMetadata zodValidateInput ActionError`
	syncMethod = `batchDelete batchSave batchSend batchUpdate deleteRecordsFromPreviousExecutions getRecordsByIds listRecords setMergingStrategy trackDeletesEnd trackDeletesStart`
	everyValue = `accountId activityLogId connectionId environmentId environmentName isCLI logger nangoConnectionId provider providerConfigKey runnerFlags scriptType syncConfig syncId syncJobId`
	syncValue  = `emptyCache lastSyncDate track_deletes variant`
)

func TestWhatEachFlavourHas(t *testing.T) {
	methods, values := strings.Fields(everyMethod), strings.Fields(everyValue)
	for kind, want := range map[causeway.RunKind]struct{ methods, values []string }{
		causeway.RunAction:  {methods, values},
		causeway.RunEvent:   {methods, values},
		causeway.RunSync:    {append(strings.Fields(syncMethod), methods...), append(strings.Fields(syncValue), values...)},
		causeway.RunWebhook: {append(strings.Fields(syncMethod), methods...), append(strings.Fields(syncValue), values...)},
	} {
		t.Run(string(kind), func(t *testing.T) {
			host := &fakeHost{}
			const report = `throw new nango.ActionError({
				methods: Object.keys(nango).filter(k => typeof nango[k] === "function"), values: Object.keys(nango).filter(k => typeof nango[k] !== "function"),
				missing: ["batchSave", "listRecords", "variant"].map(k => [k in nango, typeof nango[k]].join()),
			})`
			result := runBody(t, host, report, ofKind(kind), with(func(s *script.Start) {
				s.Values.SyncConfig = []byte(`{}`)
				s.Values.SyncID = "s"
				s.Values.SyncJobID = 1
			}))
			var got struct{ Methods, Values, Missing []string }
			requireJSON(t, payload(t, result), &got)
			require.ElementsMatch(t, want.methods, got.Methods)
			require.ElementsMatch(t, want.values, got.Values)
			if kind == causeway.RunAction || kind == causeway.RunEvent {
				require.Equal(t, []string{"false,undefined", "false,undefined", "false,undefined"}, got.Missing)
			}
		})
	}
}

// Methods are asynchronous, but for setLogger and the two that iterate: an error of theirs is a rejection, never thrown by the call.
func TestMethodsAreAsynchronous(t *testing.T) {
	const iterate = "paginate listRecords"
	calls := strings.Fields(strings.ReplaceAll(everyMethod+" "+syncMethod, "ActionError", ""))
	result := runBody(t, failing(&script.CallError{Code: "no", Message: "no"}), `
		const kinds = {};
		for (const name of `+toList(calls)+`) {
			const made = nango[name]();
			kinds[name] = made instanceof Promise ? "promise" : typeof made?.[Symbol.asyncIterator] === "function" ? "iterator" : typeof made;
			if (made instanceof Promise) await made.catch(e => { if (!(e instanceof Error)) kinds[name] = "no error" });
		}
		throw new nango.ActionError(kinds);`, ofKind(causeway.RunSync))
	kinds := map[string]string{}
	requireJSON(t, payload(t, result), &kinds)
	for _, name := range calls {
		want := "promise"
		switch {
		case name == "setLogger":
			want = "undefined"
		case strings.Contains(iterate, name):
			want = "iterator"
		}
		require.Equal(t, want, kinds[name], name)
	}
}

// What older scripts call does what its successor does.
func TestDeprecatedNames(t *testing.T) {
	for old, now := range map[string]string{
		`batchSend([{id: "1"}], "Widget")`:                           `batchSave([{id: "1"}], "Widget")`,
		`setFieldMapping({a: 1})`:                                    `setMetadata({a: 1})`,
		`triggerSync("p", "c", "s", true)`:                           `triggerSync("p", "c", "s", {reset: true})`,
		`triggerSync("p", "c", "s", false)`:                          `triggerSync("p", "c", "s")`,
		`triggerSync("p", "c", "s", "full_refresh_and_clear_cache")`: `triggerSync("p", "c", "s", {reset: true, emptyCache: true})`,
		`triggerSync("p", "c", "s", "incremental")`:                  `triggerSync("p", "c", "s", {})`,
		`proxy({endpoint: "/x", method: "patch", data: {}})`:         `patch({endpoint: "/x", data: {}})`,
	} {
		var made [2]script.Call
		for i, call := range []string{old, now} {
			host := one(withBody(answerJSON(t, script.APIAnswer{Status: 200}), `{}`))
			runBody(t, host, `await nango.`+call, ofKind(causeway.RunSync))
			require.Len(t, host.calls, 1, call)
			made[i] = host.calls[0]
		}
		require.Equal(t, made[1], made[0], old)
	}
}

func toList(names []string) string { return `["` + strings.Join(names, `", "`) + `"]` }
