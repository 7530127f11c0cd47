package frame

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
)

// Type says what a frame is. Odd types travel from the runner to the worker, even types from the worker to the runner.
type Type uint8

// The types of frames.
const (
	Hello   Type = 1  // what the runner is, which isolation is in force
	Assign  Type = 2  // mode and limits; sent once
	Result  Type = 3  // a run ended
	Start   Type = 4  // start a run
	Call    Type = 5  // a host call
	Answer  Type = 6  // its answer
	Note    Type = 7  // a host call without an answer (log lines, progress)
	Abort   Type = 8  // stop a run
	Chunk   Type = 9  // more of a body from the runner
	Data    Type = 10 // more of a body from the worker
	Credit  Type = 11 // the worker may send more bytes of a body
	Grant   Type = 12 // the runner may send more bytes of a body
	Need    Type = 13 // a program is asked for
	Program Type = 14 // its text
	Bye     Type = 15 // the runner's last words
	Drain   Type = 16 // finish what runs, take no more

	lastType = Drain
)

// Side is one end of the connection.
type Side uint8

// The two sides.
const (
	Worker Side = iota
	Runner
)

// sends says whether the side may send frames of this type.
func (s Side) sends(t Type) bool {
	return t >= Hello && t <= lastType && (t%2 == 1) == (s == Runner)
}

func (s Side) peer() Side { return 1 - s }

// Flag marks a frame.
type Flag uint8

// The flags.
const (
	More   Flag = 1 << iota // chunks of this body follow
	Failed                  // the message is a failure

	allFlags = More | Failed
)

// Sizes in bytes.
const (
	HeaderLen  = 16
	ChunkLen   = 256 << 10              // body of a frame that more frames follow, and the most that one carries
	MaxMeta    = 64<<10 - 1             // structured part
	MaxPayload = ChunkLen + MaxMeta + 1 // structured part and body together
	Window     = 1 << 20                // credit that each body starts with
)

// Header is the fixed part of every frame.
type Header struct {
	Len  uint32 // of the payload
	Type Type
	Flag Flag
	Meta uint16 // length of the structured part, which is the start of the payload
	Run  uint32
	Call uint32
}

// Frame is a header and its payload.
type Frame struct {
	Header
	Structured []byte
	Raw        []byte
}

// ViolationError means that the peer doesn't keep to the protocol. Nothing it has sent can be trusted: the only answer is
// to end it.
type ViolationError struct {
	Reason string
	Header Header // of the frame
}

func (e *ViolationError) Error() string {
	return "protocol violation: " + e.Reason + " (header " + hex.EncodeToString(e.Header.append(nil)) + ")"
}

func violation(h Header, reason string) error { return &ViolationError{Reason: reason, Header: h} }

func (h Header) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, h.Len)
	b = append(b, byte(h.Type), byte(h.Flag))
	b = binary.LittleEndian.AppendUint16(b, h.Meta)
	b = binary.LittleEndian.AppendUint32(b, h.Run)
	return binary.LittleEndian.AppendUint32(b, h.Call)
}

func parseHeader(b *[HeaderLen]byte) Header {
	return Header{
		Len:  binary.LittleEndian.Uint32(b[0:]),
		Type: Type(b[4]),
		Flag: Flag(b[5]),
		Meta: binary.LittleEndian.Uint16(b[6:]),
		Run:  binary.LittleEndian.Uint32(b[8:]),
		Call: binary.LittleEndian.Uint32(b[12:]),
	}
}

// Reader reads frames that the peer sends. It belongs to one goroutine.
type Reader struct {
	r    *bufio.Reader
	from Side
	head [HeaderLen]byte
}

// NewReader reads the frames that side from sends.
func NewReader(r io.Reader, from Side) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), from: from}
}

// Next returns the next frame. The header is checked before a byte of the payload is read or room for it is made. The
// error is a *ViolationError or the connection's; io.EOF only between two frames.
func (r *Reader) Next() (Frame, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return Frame{}, err
	}
	h := parseHeader(&r.head)
	if err := r.check(h); err != nil {
		return Frame{}, err
	}
	payload := make([]byte, h.Len)
	if _, err := io.ReadFull(r.r, payload); err != nil {
		if err == io.EOF { //nolint:errorlint // ReadFull returns it bare
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return Frame{Header: h, Structured: payload[:h.Meta:h.Meta], Raw: payload[h.Meta:]}, nil
}

func (r *Reader) check(h Header) error {
	body := int64(h.Len) - int64(h.Meta)
	switch {
	case !r.from.sends(h.Type):
		return violation(h, "unknown type or wrong direction")
	case h.Flag&^allFlags != 0:
		return violation(h, "unknown flag")
	case h.Len > MaxPayload:
		return violation(h, "payload over the limit")
	case body < 0:
		return violation(h, "structured part longer than the payload")
	case body > ChunkLen:
		return violation(h, "body over the limit of a frame")
	}
	return checkShape(h, body)
}

// checkShape holds each type to its form.
func checkShape(h Header, body int64) error {
	more := h.Flag&More != 0
	switch {
	case more && body != ChunkLen: // or tiny chunks would cost more room than they bring
		return violation(h, "a chunk that isn't full, and more to follow")
	case (h.Run == 0) != ofConnection(h.Type):
		return violation(h, "run number missing or out of place")
	}
	switch h.Type {
	case Call, Answer:
		if h.Call == 0 {
			return violation(h, "call number missing")
		}
	case Result, Start, Program:
		if h.Call != 0 {
			return violation(h, "call number out of place")
		}
	case Chunk, Data:
		if h.Meta != 0 || body == 0 || h.Flag&Failed != 0 {
			return violation(h, "malformed chunk")
		}
	case Credit, Grant:
		if h.Meta != 0 || body != 4 || h.Flag != 0 {
			return violation(h, "malformed credit")
		}
	case Hello, Assign, Note, Abort, Need, Bye, Drain:
		if more {
			return violation(h, "a message that must fit one frame")
		}
	}
	return nil
}

// mayGrow says whether the body of a message of this type may go on in chunks.
func mayGrow(t Type) bool {
	switch t {
	case Call, Answer, Result, Start, Program:
		return true
	default:
		return false
	}
}

// ofConnection says whether frames of this type belong to the connection and not to a run.
func ofConnection(t Type) bool {
	return t == Hello || t == Assign || t == Bye || t == Drain
}
