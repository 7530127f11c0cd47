package dispatch

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/causeway-dev/causeway/storage/storagetest"
)

const marker = "a customer's words"

func TestPayloadsAreUnreadable(t *testing.T) {
	data, _ := converters(storagetest.New(t).Keys())
	sealed, err := data.ToPayload(map[string]string{"note": marker})
	require.NoError(t, err)
	raw, err := proto.Marshal(sealed)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), marker)
	assert.Equal(t, "binary/encrypted", string(sealed.GetMetadata()["encoding"]))

	var out map[string]string
	require.NoError(t, data.FromPayload(sealed, &out))
	assert.Equal(t, marker, out["note"])

	sealed.Data[len(sealed.Data)-1] ^= 1
	require.Error(t, data.FromPayload(sealed, &out), "a changed payload does not open")

	plain, err := converter.GetDefaultDataConverter().ToPayload(marker)
	require.NoError(t, err)
	var text string
	require.NoError(t, data.FromPayload(plain, &text), "a plain one is accepted")
	assert.Equal(t, marker, text)
}

func TestFailuresShowTheirTypeOnly(t *testing.T) {
	_, failures := converters(storagetest.New(t).Keys())
	cause := temporal.NewApplicationError("cause: "+marker, "cause_code")
	failure := failures.ErrorToFailure(temporal.NewApplicationErrorWithOptions("message: "+marker, "wire_code", temporal.ApplicationErrorOptions{Cause: cause, Details: []any{marker}}))
	raw, err := proto.Marshal(failure)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), marker)
	assert.Contains(t, string(raw), "wire_code")

	var back *temporal.ApplicationError
	require.ErrorAs(t, failures.FailureToError(failure), &back)
	assert.Equal(t, "message: "+marker, back.Message())
	assert.Contains(t, errors.Unwrap(back).Error(), marker)
}

func TestAPayloadLargerThanIdsIsRefused(t *testing.T) {
	data, _ := converters(storagetest.New(t).Keys())
	_, err := data.ToPayload(strings.Repeat("x", maxPayload+1))
	require.ErrorContains(t, err, "pass a reference")
	_, err = data.ToPayloads("small", strings.Repeat("x", maxPayload+1), "small")
	require.ErrorContains(t, err, "pass a reference")
	_, err = data.ToPayloads("small", 7)
	require.NoError(t, err)
}

func TestTheCodecEndpointDecodesOnly(t *testing.T) {
	keys := storagetest.New(t).Keys()
	data, _ := converters(keys)
	sealed, err := data.ToPayloads(marker)
	require.NoError(t, err)
	body, err := protojson.Marshal(sealed)
	require.NoError(t, err)
	call := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		CodecHandler(keys).ServeHTTP(w, r)
		return w
	}
	w := call("/temporal/codec/decode")
	require.Equal(t, http.StatusOK, w.Code)
	var plain commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(w.Body.Bytes(), &plain))
	assert.Equal(t, `"`+marker+`"`, string(plain.GetPayloads()[0].GetData()))
	assert.Equal(t, http.StatusForbidden, call("/temporal/codec/encode").Code)
}

// The SDK's log lines carry errors of activities and panics of workflows in clear.
func TestTheSDKLogsNoErrorTexts(t *testing.T) {
	var out bytes.Buffer
	log := sdklog.With(sdkLogger(slog.New(slog.NewJSONHandler(&out, nil))), "WorkflowID", "sync:1:2", "Error", marker)
	log.Error("Activity error.", "ActivityType", "Perform", "Error", errors.New(marker), "StackTrace", marker)
	log.Warn("Workflow panic", "PanicError", marker, "PanicStack", marker)
	log.Info("chatter")
	assert.NotContains(t, out.String(), marker)
	assert.NotContains(t, out.String(), "chatter")
	assert.Contains(t, out.String(), "Perform")
	assert.Contains(t, out.String(), "sync:1:2")
}
