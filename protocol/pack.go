package protocol

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"sync"
)

// MaxUnpacked bounds what a packed batch may unpack to, in bytes.
const MaxUnpacked = 1 << 20

// packers are kept: each holds more than half a megabyte of tables.
var packers = sync.Pool{New: func() any { return must(flate.NewWriter(nil, flate.BestSpeed)) }}

// Pack gives the batch with its records packed: the CBOR list of them, deflated (RFC 1951). It is for a peer of revision 2 or
// later. A batch whose records take no less room packed comes back as it is.
func (b Batch) Pack() (Batch, error) {
	list, err := encMode.Marshal(b.Records)
	if err != nil {
		return b, fmt.Errorf("pack batch: %w", err)
	}
	if len(list) > MaxUnpacked {
		return b, nil // Encode says that it is too large
	}
	var out bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(list); err != nil {
		return b, fmt.Errorf("pack batch: %w", err)
	}
	if err := w.Close(); err != nil {
		return b, fmt.Errorf("pack batch: %w", err)
	}
	if out.Len() >= len(list) {
		return b, nil
	}
	b.Records, b.Packed = nil, out.Bytes()
	return b, nil
}

func (b Batch) unpack() (Batch, error) {
	if len(b.Records) > 0 {
		return b, errors.New("records packed and unpacked")
	}
	r := flate.NewReader(bytes.NewReader(b.Packed))
	list, err := io.ReadAll(io.LimitReader(r, MaxUnpacked+1))
	if err != nil {
		return b, fmt.Errorf("packed records: %w", err)
	}
	if len(list) > MaxUnpacked {
		return b, fmt.Errorf("packed records: more than %d bytes", MaxUnpacked)
	}
	if err := decMode.Unmarshal(list, &b.Records); err != nil {
		return b, fmt.Errorf("packed records: %w", err)
	}
	b.Packed = nil
	return b, nil
}

func decodeBatch(body []byte) (Message, error) {
	var b Batch
	if err := decMode.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, b, err)
	}
	if b.Packed != nil {
		var err error
		if b, err = b.unpack(); err != nil {
			return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, b, err)
		}
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, b, err)
	}
	return b, nil
}
