package causeway_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

func TestFalsyInputsReachAnActionAsNull(t *testing.T) {
	for _, raw := range []string{"", "null", " false ", "0", "-0", "0.0", "0e7", `""`} {
		assert.Nil(t, causeway.ActionInput(json.RawMessage(raw)), "%q", raw)
	}
	for _, raw := range []string{"true", "1", `"0"`, `" "`, "[]", "{}", "[0]", "1e-9"} {
		assert.Equal(t, raw, string(causeway.ActionInput(json.RawMessage(raw))))
	}
}

func TestHowAnActionFailedOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name    string
		outcome causeway.Outcome
		status  int
		code    string
		message string
		payload string
	}{
		{"the provider answered with an error",
			causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptHTTPError, Message: "not for the wire", Error: json.RawMessage(`{"payload":{"no":1},"upstream":{"status":404}}`)},
			424, "script_http_error", "", `{"no":1}`},
		{"the platform's limit", causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptRateLimit, Message: "m"}, 424, "script_api_rate_limit_error", "m", `{}`},
		{"an output that is too large", causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutputTooLarge, Message: "m"}, 400, "script_output_too_large", "m", `{}`},
		{"the script's own error", causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeActionRuntimeError, Error: json.RawMessage(`{"payload":{"why":"x"}}`)}, 500, "action_script_runtime_error", "", `{"why":"x"}`},
		{"its worker died", causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown, Message: "m"}, 500, "action_script_failure", "m", `{"error":"outcome_unknown"}`},
		{"out of memory, with details", causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutOfMemory, Error: json.RawMessage(`{"payload":{"mb":256}}`)}, 500, "action_script_failure", "", `{"error":"script_out_of_memory","payload":{"mb":256}}`},
		{"not started in time", causeway.Outcome{State: causeway.RunExpired, Code: causeway.CodeStartTimeout}, 500, "action_script_failure", "", `{"error":"start_timeout"}`},
		{"cancelled", causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted}, 500, "action_script_failure", "", `{"error":"script_aborted"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := causeway.ActionError(c.outcome)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.message, e.Message)
			payload, err := json.Marshal(e.Payload)
			require.NoError(t, err)
			assert.JSONEq(t, c.payload, string(payload))
		})
	}
	e := causeway.ActionError(causeway.Outcome{Code: causeway.CodeScriptHTTPError, Error: json.RawMessage(`{"upstream":{"status":404,"headers":{"content-type":"text/plain"},"body":"gone"}}`)})
	require.NotNil(t, e.Upstream)
	assert.Equal(t, 404, e.Upstream.Status)
}
