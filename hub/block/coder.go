package block

import "math/bits"

// The coder is the range coder of LZMA (G. N. N. Martin, "Range encoding", 1979; I. Pavlov, LZMA specification, 2015) with the
// models of a binary tree; the models learn fast at first, because a block is short.

// model is the probability of a 0 in its upper 12 bits, and in its lower 4 how often it has learnt, up to 15.
type model uint16

const fresh model = 1 << 15 // one half

// rates are by how much a model learns: by half a bit's worth at first, as an average would, later by a 32nd.
var rates = [16]uint8{1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5}

func (m *model) learn(bit uint64) {
	p, count := uint32(*m>>4), *m&15
	rate := rates[count]
	if bit == 0 {
		p += (4095 - p) >> rate
	} else {
		p -= p >> rate
	}
	*m = model(max(p, 1))<<4 | min(count+1, 15)
}

const renormal = 1 << 24

type encoder struct {
	out     []byte
	begun   int // bytes of out before the first of the coder's
	low     uint64
	width   uint32
	cache   byte
	waiting int // bytes that a carry may still change
}

func newEncoder(out []byte) *encoder {
	return &encoder{out: out, begun: len(out), width: 1<<32 - 1, waiting: 1}
}

func (e *encoder) bit(m *model, bit uint64) {
	bound := (e.width >> 12) * uint32(*m>>4)
	if bit == 0 {
		e.width = bound
	} else {
		e.low += uint64(bound)
		e.width -= bound
	}
	m.learn(bit)
	for e.width < renormal {
		e.width <<= 8
		e.shift()
	}
}

// even writes a bit that is as likely 0 as 1.
func (e *encoder) even(bit uint64) {
	e.width >>= 1
	e.low += uint64(e.width) * bit
	for e.width < renormal {
		e.width <<= 8
		e.shift()
	}
}

func (e *encoder) shift() {
	if e.low < 0xff000000 || e.low > 0xffffffff {
		carry := byte(e.low >> 32)
		for b := e.cache; e.waiting > 0; e.waiting-- {
			e.out = append(e.out, b+carry)
			b = 0xff
		}
		e.cache = byte(e.low >> 24)
	}
	e.waiting++
	e.low = e.low << 8 & 0xffffffff
}

// end gives all that was written. The decoder takes what is missing at the end for zeros, so those are left away.
func (e *encoder) end() []byte {
	for range 5 {
		e.shift()
	}
	n := len(e.out)
	for n > e.begun && e.out[n-1] == 0 {
		n--
	}
	return e.out[:n]
}

type decoder struct {
	in    []byte
	code  uint32
	width uint32
}

func newDecoder(in []byte) *decoder {
	d := &decoder{in: in, width: 1<<32 - 1}
	for range 5 {
		d.code = d.code<<8 | uint32(d.next())
	}
	return d
}

func (d *decoder) next() byte {
	if len(d.in) == 0 {
		return 0
	}
	b := d.in[0]
	d.in = d.in[1:]
	return b
}

func (d *decoder) bit(m *model) (bit uint64) {
	bound := (d.width >> 12) * uint32(*m>>4)
	if d.code < bound {
		d.width = bound
	} else {
		d.code -= bound
		d.width -= bound
		bit = 1
	}
	m.learn(bit)
	for d.width < renormal {
		d.width <<= 8
		d.code = d.code<<8 | uint32(d.next())
	}
	return bit
}

func (d *decoder) even() (bit uint64) {
	d.width >>= 1
	if d.code >= d.width {
		d.code -= d.width
		bit = 1
	}
	for d.width < renormal {
		d.width <<= 8
		d.code = d.code<<8 | uint32(d.next())
	}
	return bit
}

// tree codes numbers of a few bits, the highest first, each bit by those before it.
type tree []model

func newTree(bits int) tree {
	t := make(tree, 1<<bits)
	for i := range t {
		t[i] = fresh
	}
	return t
}

func (t tree) encode(e *encoder, bits int, v uint64) {
	at := uint64(1)
	for i := bits - 1; i >= 0; i-- {
		b := v >> i & 1
		e.bit(&t[at], b)
		at = at<<1 | b
	}
}

func (t tree) decode(d *decoder, bits int) uint64 {
	at := uint64(1)
	for range bits {
		at = at<<1 | d.bit(&t[at])
	}
	return at - 1<<bits
}

// numbers codes numbers of 64 bits: how many bits it has, then its upper ones by models, and the rest as they are.
type numbers struct {
	sizes tree
	upper [65]tree
}

const (
	sizeBits  = 7 // of a number from 0 to 64
	upperBits = 7
)

func (n *numbers) tree(size int) tree {
	if n.upper[size] == nil {
		n.upper[size] = newTree(min(size-1, upperBits))
	}
	return n.upper[size]
}

func (n *numbers) sizeTree() tree {
	if n.sizes == nil {
		n.sizes = newTree(sizeBits)
	}
	return n.sizes
}

func (n *numbers) encode(e *encoder, v uint64) {
	size := bits.Len64(v)
	n.sizeTree().encode(e, sizeBits, uint64(size))
	if size < 2 {
		return
	}
	upper := min(size-1, upperBits)
	lower := size - 1 - upper
	n.tree(size).encode(e, upper, v>>lower&(1<<upper-1))
	for i := lower - 1; i >= 0; i-- {
		e.even(v >> i & 1)
	}
}

func (n *numbers) decode(d *decoder) uint64 {
	size := int(n.sizeTree().decode(d, sizeBits))
	if size < 2 {
		return uint64(size)
	}
	size = min(size, 64)
	upper := min(size-1, upperBits)
	v := uint64(1)<<upper | n.tree(size).decode(d, upper)
	for range size - 1 - upper {
		v = v<<1 | d.even()
	}
	return v
}

// texts are trees for bytes, one for each byte that may stand before.
type texts [256]tree

func (t *texts) after(b byte) tree {
	if t[b] == nil {
		t[b] = newTree(8)
	}
	return t[b]
}
