package worker

import (
	"testing"

	"github.com/stretchr/testify/assert"

	causeway "github.com/causeway-dev/causeway"
)

func TestARunKeepsAJournalAsItsFunctionSays(t *testing.T) {
	w := &Worker{Options: Options{Journal: causeway.JournalFailures}}
	e := &causeway.Environment{Settings: causeway.EnvironmentSettings{Journals: map[string]string{
		causeway.JournalKey("github", causeway.KindSync, "issues"):     causeway.JournalAll,
		causeway.JournalKey("github", causeway.KindOnEvent, "welcome"): causeway.JournalOff,
	}}}
	for _, test := range []struct {
		kind causeway.RunKind
		name string
		want string
	}{
		{causeway.RunSync, "issues", causeway.JournalAll},
		{causeway.RunWebhook, "issues", causeway.JournalAll}, // the same function
		{causeway.RunAction, "issues", causeway.JournalFailures},
		{causeway.RunEvent, "welcome", causeway.JournalOff},
	} {
		run := &causeway.Run{RunRef: causeway.RunRef{Kind: test.kind}, IntegrationKey: "github", FunctionName: test.name}
		assert.Equal(t, test.want, w.journalMode(e, run), "%s %s", test.kind, test.name)
	}
}
