package protocol

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of what either side accepts.
const (
	MaxPayload      = 256 << 10 // bytes of one message
	MaxRecord       = 16 << 10  // bytes of one encoded record
	MaxBatchRecords = 1000      // records in one batch
	MaxPart         = 128 << 10 // bytes of one plan part
	MaxParts        = 256       // parts of one plan
	MaxElements     = 4096      // elements of one array, and pairs of one map
)

// ErrMalformed is wrapped by every error of a decoder: the bytes are not what this package describes.
var ErrMalformed = errors.New("malformed message")

var encMode = must(encOptions().EncMode())

// encOptions: a nil list is an empty one, so that the same content always has the same bytes and hash.
func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

var decMode = must(cbor.DecOptions{
	DupMapKey:        cbor.DupMapKeyEnforcedAPF,
	IndefLength:      cbor.IndefLengthForbidden,
	MaxNestedLevels:  8,
	MaxArrayElements: MaxElements,
	MaxMapPairs:      MaxElements, // an edge's stored state is read by the same decoder
	UTF8:             cbor.UTF8RejectInvalid,
	TagsMd:           cbor.TagsForbidden,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Message is one of Hello, Batch, Want, Gone (up) and Welcome, Ack, Manifest, Part, Command (down).
type Message interface{ messageType() uint8 }

// Types of message, the first element of every payload.
const (
	typeHello    = 1
	typeBatch    = 2
	typeWant     = 3
	typeGone     = 4
	typeWelcome  = 5
	typeAck      = 6
	typeManifest = 7
	typePart     = 8
	typeCommand  = 9
)

type envelope struct {
	_    struct{} `cbor:",toarray"`
	Type uint8
	Body cbor.RawMessage
}

// Encode gives the payload of a message: [type, body].
func Encode(m Message) ([]byte, error) {
	body, err := encMode.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	payload, err := encMode.Marshal(envelope{Type: m.messageType(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("encode %T: %d bytes, at most %d", m, len(payload), MaxPayload)
	}
	return payload, nil
}

// Decode reads a payload into a pointer-free message. Every error wraps ErrMalformed.
func Decode(payload []byte) (Message, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(payload), MaxPayload)
	}
	var e envelope
	if err := decMode.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch e.Type {
	case typeHello:
		return decodeBody[Hello](e.Body)
	case typeBatch:
		return decodeBatch(e.Body)
	case typeWant:
		return decodeBody[Want](e.Body)
	case typeGone:
		return decodeBody[Gone](e.Body)
	case typeWelcome:
		return decodeBody[Welcome](e.Body)
	case typeAck:
		return decodeBody[Ack](e.Body)
	case typeManifest:
		return decodeBody[Manifest](e.Body)
	case typePart:
		return decodeBody[Part](e.Body)
	case typeCommand:
		return decodeBody[Command](e.Body)
	}
	return nil, fmt.Errorf("%w: message type %d is unknown", ErrMalformed, e.Type)
}

type checked interface {
	Message
	check() error
}

func decodeBody[T checked](body []byte) (Message, error) {
	var m T
	if err := decMode.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, m, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, m, err)
	}
	return m, nil
}

// EncodeBody encodes the body of a record, a plan part or a command.
func EncodeBody(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", reflect.TypeOf(v), err)
	}
	return b, nil
}

// DecodeBody decodes the body of a record, a plan part or a command into v, a pointer. Errors wrap ErrMalformed.
func DecodeBody(body []byte, v any) error {
	if err := decMode.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, reflect.TypeOf(v).Elem(), err)
	}
	return nil
}

// UnmarshalCBOR reads a byte string of exactly 32 bytes. The codec alone would cut or fill any other.
func (h *Hash) UnmarshalCBOR(b []byte) error { return decodeFixed(h[:], b) }

// UnmarshalCBOR reads a byte string of exactly 16 bytes.
func (i *Incarnation) UnmarshalCBOR(b []byte) error { return decodeFixed(i[:], b) }

func decodeFixed(into, b []byte) error {
	const byteString = 2 // major type; the codec would also take a list of numbers
	if len(b) == 0 || b[0]>>5 != byteString {
		return fmt.Errorf("no byte string of %d bytes", len(into))
	}
	var read []byte
	if err := decMode.Unmarshal(b, &read); err != nil {
		return err
	}
	if len(read) != len(into) {
		return fmt.Errorf("byte string of %d bytes: want %d", len(read), len(into))
	}
	copy(into, read)
	return nil
}
