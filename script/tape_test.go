package script_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
)

func TestATapeIsReadAsItWasWritten(t *testing.T) {
	readings := []int64{1_764_000_000_000, 1_764_000_000_000, 1_764_000_000_005, 1_764_000_000_004, 1_764_000_000_004, 1_764_000_000_004}
	deliveries := []script.Delivery{{Kind: script.DeliveredAnswer, ID: 2}, {Kind: script.DeliveredTimer, ID: 1}, {Kind: script.DeliveredAbort, ID: 40}}

	var w script.TapeWriter
	var all script.Tape
	assert.Nil(t, w.Take())
	for i, ms := range readings {
		w.Read(ms)
		if i%2 == 1 {
			w.Delivered(deliveries[i/2].Kind, deliveries[i/2].ID)
			all.Append(w.Take()) // as with each call
		}
	}
	assert.Equal(t, script.Tape{Deliveries: "a2 t1 x40", Clock: "1764000000000*2 5 -1 0*2"}, all)

	r := all.Reader()
	for _, want := range readings {
		got, ok := r.Clock()
		require.True(t, ok)
		assert.Equal(t, want, got)
	}
	for _, want := range deliveries {
		got, ok := r.Peek()
		require.True(t, ok)
		assert.Equal(t, want, got)
		r.Next()
	}
	_, ok := r.Clock()
	assert.False(t, ok)
	_, ok = r.Peek()
	assert.False(t, ok)
}

func TestATapeThatCantBeReadEnds(t *testing.T) {
	for _, tape := range []script.Tape{{Deliveries: "a", Clock: "x"}, {Deliveries: "a1x", Clock: "5*"}, {Deliveries: " ", Clock: "5*0"}} {
		r := tape.Reader()
		_, ok := r.Peek()
		assert.False(t, ok, tape)
		_, ok = r.Clock()
		assert.False(t, ok, tape)
	}
}

func TestATapeThatGrowsTooFastIsCut(t *testing.T) {
	var w script.TapeWriter
	for ms := range int64(1_000_000) {
		w.Read(ms * 7)
	}
	part := w.Take()
	assert.True(t, part.Cut)
	assert.Less(t, len(part.Clock), 20_000)
	w.Delivered(script.DeliveredTimer, 1)
	assert.Nil(t, w.Take(), "nothing follows a cut")
}
