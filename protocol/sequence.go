package protocol

import (
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// Reader reads messages that stand one behind the other in a file: a CBOR sequence (RFC 8742) of what Encode gives.
type Reader struct {
	bounded *boundedReader
	decoder *cbor.Decoder
}

// NewReader makes a reader. It holds one message at a time.
func NewReader(r io.Reader) *Reader {
	b := &boundedReader{r: r}
	return &Reader{bounded: b, decoder: decMode.NewDecoder(b)}
}

// Next gives the next message; io.EOF after the last. Other errors wrap ErrMalformed, or are those of reading, and nothing can
// be read after them.
func (r *Reader) Next() (Message, error) {
	r.bounded.left = MaxPayload + readAhead
	var raw cbor.RawMessage
	if err := r.decoder.Decode(&raw); err != nil {
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil, io.EOF
		case r.bounded.failed != nil:
			return nil, r.bounded.failed
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Decode(raw)
}

// readAhead is more than a decoder reads at once beyond what it needs.
const readAhead = 1 << 16

// boundedReader lets no single message make its reader hold the whole file.
type boundedReader struct {
	r      io.Reader
	left   int
	failed error // of r
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.failed = fmt.Errorf("%w: a message of more than %d bytes", ErrMalformed, MaxPayload)
		return 0, b.failed
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}
