package dispatch

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/causeway-dev/causeway/storage"
)

const (
	encodingKey       = "encoding"
	encodingEncrypted = "binary/encrypted"
)

// codec encrypts every payload that crosses Temporal, in the one envelope format, under the instance's key for control data. The key is
// found by the id in the envelope, so its rotation needs no re-encoding. It never does I/O: those keys are in memory.
type codec struct{ keys *storage.Keyring }

// Codec is the codec of all payloads, for who has to read recorded executions.
func Codec(keys *storage.Keyring) converter.PayloadCodec { return codec{keys} }

var payloadAAD = storage.AAD{Column: "temporal.payload"}

// Encode seals payloads.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		sealed, err := c.keys.Seal(context.Background(), storage.PurposeControl, 0, payloadAAD, plain)
		if err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{Metadata: map[string][]byte{encodingKey: []byte(encodingEncrypted)}, Data: sealed}
	}
	return out, nil
}

// Decode opens payloads. Plain ones are accepted, though we never write any.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[encodingKey]) != encodingEncrypted {
			out[i] = p
			continue
		}
		plain, err := c.keys.Open(context.Background(), 0, payloadAAD, p.GetData())
		if err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxPayload is the size that a payload may have. Ours are ids; a larger one is a programming error.
const maxPayload = 16 << 10

// guarded refuses payloads that are larger than ids can be.
type guarded struct{ converter.DataConverter }

func (g guarded) ToPayload(value any) (*commonpb.Payload, error) {
	p, err := g.DataConverter.ToPayload(value)
	return p, tooLarge(p, err)
}

func (g guarded) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	all, err := g.DataConverter.ToPayloads(values...)
	for _, p := range all.GetPayloads() {
		err = tooLarge(p, err)
	}
	return all, err
}

func tooLarge(p *commonpb.Payload, err error) error {
	if err == nil && len(p.GetData()) > maxPayload {
		return fmt.Errorf("a payload of %d bytes must not cross Temporal: pass a reference", len(p.GetData()))
	}
	return err
}
