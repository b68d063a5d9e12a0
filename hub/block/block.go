// Package block packs rows of readings into a few bytes each, losslessly: a block is the rows of one sensor in one boot of a device,
// column by column, each value as its difference to what was to be expected, through an adaptive range coder. See DESIGN.md.
package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
)

// Row is what the hub stores of one sensor in one record. Times are Unix milliseconds, temperatures m°C.
type Row struct {
	Number              int64 // of the record in the device's readings log
	Mono, ClaimedAt     int64 // milliseconds since boot, and what the device's wall clock said
	Quality             int64 // protocol.WallQuality
	EventAt, Within     int64 // when the last sample was taken, and how far that may be off
	Received            int64
	MilliC, Fault       int64 // of the last sample
	Span                int64 // from the first sample to the last
	Samples, FaultCount int64
	Earlier             []byte // the samples before the last, as the store writes them
}

// Bounds of a block: what is beyond them is not written, and not read.
const (
	MaxRows    = 4096
	MaxEarlier = 1 << 20 // bytes of Earlier of all rows together
	maxBody    = 2 << 20
)

// ErrDamaged is a block that cannot be read.
var ErrDamaged = errors.New("damaged block of readings")

const version = 1

// columns are the numbers of a row, each as the difference to another one that it follows closely.
const columns = 13

func (r *Row) split() [columns]int64 {
	return [columns]int64{r.Number, r.Mono, r.EventAt - r.Mono, r.ClaimedAt - r.EventAt, r.Quality, r.Within, r.Received - r.EventAt,
		r.MilliC, r.Fault, r.Span, r.Samples, r.FaultCount, int64(len(r.Earlier))}
}

func join(c [columns]int64) Row {
	at := c[2] + c[1]
	return Row{Number: c[0], Mono: c[1], EventAt: at, ClaimedAt: c[3] + at, Quality: c[4], Within: c[5], Received: c[6] + at,
		MilliC: c[7], Fault: c[8], Span: c[9], Samples: c[10], FaultCount: c[11]}
}

// mode is how a column is written: all its values lie on a line, or each is told by what it is off the line of the one before, or by
// what it is off the least of them. The last is better where a value says nothing of the next, as with the delay of messages.
type mode byte

const (
	modeLine mode = iota
	modeSteps
	modeOffsets
)

// shape is a column's mode with its line: from base on, step by step.
type shape struct {
	mode       mode
	base, step int64
}

// shapeOf finds the mode that takes the fewest bits.
func shapeOf(values []int64) shape {
	s := shape{base: values[0]}
	if len(values) == 1 {
		return s
	}
	steps := make([]int64, len(values)-1)
	for i := range steps {
		steps[i] = values[i+1] - values[i]
	}
	slices.Sort(steps)
	s.step = steps[len(steps)/2]
	if steps[0] == s.step && steps[len(steps)-1] == s.step {
		return s
	}
	s.mode = modeSteps
	least := slices.Min(values)
	offsets, stepped := 0, 0
	for i, v := range values {
		offsets += bits.Len64(zigzag(v - least))
		if i > 0 {
			stepped += bits.Len64(zigzag(v - values[i-1] - s.step))
		}
	}
	if offsets < stepped {
		return shape{mode: modeOffsets, base: least}
	}
	return s
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func zagzig(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// Encode packs 1 to MaxRows rows. The same rows always give the same bytes.
func Encode(rows []Row) ([]byte, error) {
	if len(rows) == 0 || len(rows) > MaxRows {
		return nil, fmt.Errorf("block of %d rows: want 1 to %d", len(rows), MaxRows)
	}
	table := make([][]int64, columns)
	earlier := 0
	for i := range rows {
		for c, v := range rows[i].split() {
			table[c] = append(table[c], v)
		}
		earlier += len(rows[i].Earlier)
	}
	if earlier > MaxEarlier {
		return nil, fmt.Errorf("block with %d bytes of earlier samples: at most %d", earlier, MaxEarlier)
	}
	body := binary.AppendUvarint([]byte{version}, uint64(len(rows)))
	shapes := make([]shape, columns)
	for c, values := range table {
		s := shapeOf(values)
		shapes[c] = s
		body = binary.AppendVarint(append(body, byte(s.mode)), s.base)
		if s.mode != modeOffsets {
			body = binary.AppendVarint(body, s.step)
		}
	}
	e := newEncoder(body)
	for c, values := range table {
		encodeColumn(e, shapes[c], values)
	}
	encodeBytes(e, rows)
	body = e.end()
	return binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body)), nil
}

func encodeColumn(e *encoder, s shape, values []int64) {
	var n numbers
	last := s.base - s.step
	for i, v := range values {
		switch s.mode {
		case modeSteps:
			if i > 0 {
				n.encode(e, zigzag(v-last-s.step))
			}
			last = v
		case modeOffsets:
			n.encode(e, uint64(v-s.base))
		}
	}
}

// encodeBytes writes the earlier samples, each byte by what came after the one before it elsewhere.
func encodeBytes(e *encoder, rows []Row) {
	var t texts
	for i := range rows {
		before := byte(0)
		for _, b := range rows[i].Earlier {
			t.after(before).encode(e, 8, uint64(b))
			before = b
		}
	}
}

// Decode gives the rows of a block. Errors: ErrDamaged.
func Decode(body []byte) ([]Row, error) {
	if len(body) < 6 || len(body) > maxBody {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(body))
	}
	text, sum := body[:len(body)-4], binary.LittleEndian.Uint32(body[len(body)-4:])
	if crc32.ChecksumIEEE(text) != sum {
		return nil, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	return decode(text)
}

// decode reads a block that is taken to be whole; of any other it makes an error or nonsense, within the bounds.
func decode(text []byte) ([]Row, error) {
	if text[0] != version {
		return nil, fmt.Errorf("%w: version %d, this hub knows %d", ErrDamaged, text[0], version)
	}
	h := header{rest: text[1:]}
	n := h.uvarint()
	if n == 0 || n > MaxRows {
		return nil, fmt.Errorf("%w: %d rows", ErrDamaged, n)
	}
	var shapes [columns]shape
	for c := range shapes {
		shapes[c] = h.shape()
	}
	if h.bad {
		return nil, fmt.Errorf("%w: header", ErrDamaged)
	}
	d := newDecoder(h.rest)
	table := make([][columns]int64, n)
	for c, s := range shapes {
		decodeColumn(d, s, table, c)
	}
	rows := make([]Row, n)
	total := int64(0)
	for i, t := range table {
		size := t[columns-1]
		if size < 0 || size > MaxEarlier-total {
			return nil, fmt.Errorf("%w: %d bytes of earlier samples", ErrDamaged, size)
		}
		total += size
		rows[i] = join(t)
	}
	decodeBytes(d, rows, table)
	return rows, nil
}

func decodeColumn(d *decoder, s shape, table [][columns]int64, c int) {
	var n numbers
	last := s.base - s.step
	for i := range table {
		switch {
		case s.mode == modeOffsets:
			last = s.base + int64(n.decode(d))
		case s.mode == modeLine || i == 0:
			last += s.step
		default:
			last += s.step + zagzig(n.decode(d))
		}
		table[i][c] = last
	}
}

func decodeBytes(d *decoder, rows []Row, table [][columns]int64) {
	var t texts
	for i := range rows {
		size := table[i][columns-1]
		if size == 0 {
			continue
		}
		rows[i].Earlier = make([]byte, size)
		before := byte(0)
		for j := range rows[i].Earlier {
			before = byte(t.after(before).decode(d, 8))
			rows[i].Earlier[j] = before
		}
	}
}

// header reads the numbers before the coded part.
type header struct {
	rest []byte
	bad  bool
}

func (h *header) uvarint() uint64 {
	v, n := binary.Uvarint(h.rest)
	return v * h.took(n)
}

func (h *header) varint() int64 {
	v, n := binary.Varint(h.rest)
	return v * int64(h.took(n))
}

// took moves on by n bytes, and gives 0 when there were none.
func (h *header) took(n int) uint64 {
	if n <= 0 {
		h.bad = true
		return 0
	}
	h.rest = h.rest[n:]
	return 1
}

func (h *header) shape() shape {
	if len(h.rest) == 0 || h.rest[0] > byte(modeOffsets) {
		h.bad = true
		return shape{}
	}
	s := shape{mode: mode(h.rest[0])}
	h.rest = h.rest[1:]
	if s.base = h.varint(); s.mode != modeOffsets {
		s.step = h.varint()
	}
	return s
}

// Fit packs as many of the first rows as fit into so many bytes, at least one, and says how many they are.
func Fit(rows []Row, size int) (n int, body []byte, err error) {
	n = min(len(rows), MaxRows)
	low, best := 0, []byte(nil)
	for high := n + 1; ; {
		if body, err = Encode(rows[:n]); err != nil {
			return 0, nil, err
		}
		if len(body) <= size || n == 1 {
			low, best = n, body
		} else {
			high = n
		}
		// Nearly full is full: the rest of the search would cost as much again.
		if low+1 >= high || len(best) > size-size/32 {
			return low, best, nil
		}
		n = min(max(n*size/len(body), low+1), high-1)
	}
}
