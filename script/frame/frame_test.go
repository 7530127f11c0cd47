package frame

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw is a frame as bytes; its header may lie.
func raw(h Header, payload ...byte) []byte { return append(h.append(nil), payload...) }

func TestTheReaderRefusesMalformedFrames(t *testing.T) {
	cases := map[string]Header{
		"no type":                         {},
		"unknown type":                    {Type: 17},
		"type of the other direction":     {Type: Start, Run: 1},
		"unknown flag":                    {Type: Call, Run: 1, Call: 1, Flag: 4},
		"payload over the limit":          {Type: Call, Run: 1, Call: 1, Len: MaxPayload + 1},
		"structured part over payload":    {Type: Call, Run: 1, Call: 1, Len: 3, Meta: 4},
		"body over the limit":             {Type: Call, Run: 1, Call: 1, Len: ChunkLen + 1},
		"chunk that isn't full":           {Type: Chunk, Run: 1, Call: 1, Len: 5, Flag: More},
		"empty chunk":                     {Type: Chunk, Run: 1, Call: 1},
		"failed chunk":                    {Type: Chunk, Run: 1, Call: 1, Len: 1, Flag: Failed},
		"chunk with a structured part":    {Type: Chunk, Run: 1, Call: 1, Len: 1, Meta: 1},
		"call without a run":              {Type: Call, Call: 1},
		"call without a number":           {Type: Call, Run: 1},
		"result with a call number":       {Type: Result, Run: 1, Call: 1},
		"hello with a run":                {Type: Hello, Run: 1},
		"credit without an amount":        {Type: Credit, Run: 1, Call: 1},
		"credit with a structured part":   {Type: Credit, Run: 1, Call: 1, Len: 4, Meta: 4},
		"note that goes on":               {Type: Note, Run: 1, Len: ChunkLen, Flag: More},
		"header of four gibibytes":        {Type: Call, Run: 1, Call: 1, Len: 1<<32 - 1},
		"chunk flag on credit":            {Type: Credit, Run: 1, Call: 1, Len: 4, Flag: More},
		"more to follow but nothing here": {Type: Call, Run: 1, Call: 1, Flag: More},
	}
	for name, h := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(raw(h)), Runner).Next()
			var v *ViolationError
			require.ErrorAs(t, err, &v)
			assert.Equal(t, h, v.Header)
		})
	}
}

func TestEachTypeTravelsInOneDirection(t *testing.T) {
	for n := range 256 {
		known := n >= int(Hello) && n <= int(lastType)
		assert.Equal(t, known && n%2 == 1, Runner.sends(Type(n)), n)
		assert.Equal(t, known && n%2 == 0, Worker.sends(Type(n)), n)
	}
}

func TestAForgedLengthCostsNoAllocation(t *testing.T) {
	b := raw(Header{Type: Call, Run: 1, Call: 1, Len: 1<<32 - 1})
	src := bytes.NewReader(b)
	r := NewReader(src, Runner)
	before := testing.AllocsPerRun(100, func() {
		src.Reset(b)
		r.r.Reset(src)
		_, err := r.Next()
		if err == nil {
			t.Fatal("accepted")
		}
	})
	assert.LessOrEqual(t, before, 3.0, "the error alone")
}

func TestACutFrameIsNoEndOfStream(t *testing.T) {
	whole := raw(Header{Type: Hello, Len: 4, Meta: 2}, []byte("{}ab")...)
	f, err := NewReader(bytes.NewReader(whole), Runner).Next()
	require.NoError(t, err)
	assert.Equal(t, "{}", string(f.Structured))
	assert.Equal(t, "ab", string(f.Raw))
	for n := range len(whole) {
		_, err := NewReader(bytes.NewReader(whole[:n]), Runner).Next()
		if n == 0 {
			require.ErrorIs(t, err, io.EOF)
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(raw(Header{Type: Hello, Len: 2, Meta: 2}, []byte("{}")...), true)
	f.Add(raw(Header{Type: Call, Run: 1, Call: 1, Len: 1<<32 - 1}), true)
	f.Add(raw(Header{Type: Grant, Run: 1, Call: 1, Len: 4}, 1, 2, 3, 4), false)
	f.Fuzz(func(t *testing.T, b []byte, fromRunner bool) {
		side := Worker
		if fromRunner {
			side = Runner
		}
		r := NewReader(bytes.NewReader(b), side)
		left := len(b)
		for {
			fr, err := r.Next()
			if err != nil {
				return
			}
			if left -= HeaderLen + int(fr.Len); left < 0 {
				t.Fatal("more was read than there is")
			}
			if !side.sends(fr.Type) || len(fr.Structured) != int(fr.Meta) || len(fr.Raw) > ChunkLen {
				t.Fatalf("accepted %+v", fr.Header)
			}
		}
	})
}
