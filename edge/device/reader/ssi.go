package reader

import (
	"encoding/binary"
	"io"
	"time"
	"unicode/utf8"
)

// Packets of the Simple Serial Interface, as in Zebra's programmer's guide 72E-40451: length, opcode, source, status, data, and
// the two's complement of the sum of all that. Length counts all but the checksum.
const (
	ssiDecodeData = 0xF3
	ssiAck        = 0xD0
	ssiNak        = 0xD1
	ssiHost       = 4

	ssiRetransmit   = 1 << 0 // of the status: sent once already
	ssiContinuation = 1 << 1 // more of the same scan follows

	ssiHeader    = 4
	ssiBadSum    = 1 // cause of a NAK: send it again
	ssiSilence   = 500 * time.Millisecond
	ssiKindBytes = 1 // bar code type, in front of the data
)

// NewSSI returns a reader that sends its scans to rw in packets of the Simple Serial Interface, and acknowledges them there. The
// handshake makes up for bytes that are lost on the line. The reader must be set to packeted decode data and to send AIM
// identifiers: its own numbers of symbologies differ from make to make. now tells the machine's time; time.Now when nil.
func NewSSI(rw io.ReadWriter, now func() time.Time) *Dev {
	if now == nil {
		now = time.Now
	}
	return &Dev{r: rw, p: &packets{w: rw, now: now}, now: time.Now}
}

// packets takes packets apart.
type packets struct {
	w   io.Writer
	now func() time.Time

	buf  []byte
	at   time.Time // of the newest byte
	last []byte    // the packet that was acknowledged last, without its status and sum
	scan []byte    // data of packets that are continued
	bad  bool      // the scan is too long
}

// take adds a byte. A packet whose rest does not come within half a second is given up, so that one lost byte costs one packet.
func (p *packets) take(b byte) (s Scan, ended, good bool) {
	at := p.now()
	if at.Sub(p.at) > ssiSilence {
		p.buf = p.buf[:0]
	}
	p.at = at
	if len(p.buf) == 0 && b < ssiHeader {
		return s, false, false // no length: a wake-up, or noise
	}
	p.buf = append(p.buf, b)
	if len(p.buf) < int(p.buf[0])+2 {
		return s, false, false
	}
	packet := p.buf
	p.buf = p.buf[:0]
	return p.whole(packet)
}

// drop gives up a packet and the packets before it that it goes on with.
func (p *packets) drop() (lost bool) {
	lost = len(p.buf) > 0 || len(p.scan) > 0 || p.bad
	p.buf, p.scan, p.bad = p.buf[:0], p.scan[:0], false
	return lost
}

// whole answers a packet and takes what it holds.
func (p *packets) whole(packet []byte) (s Scan, ended, good bool) {
	n := len(packet) - 2
	opcode, status := packet[1], packet[3]
	switch {
	case binary.BigEndian.Uint16(packet[n:]) != ssiSum(packet[:n]):
		p.answer(ssiNak, ssiBadSum)
		return s, false, false
	case opcode == ssiAck || opcode == ssiNak: // is not answered
		return s, false, false
	}
	p.answer(ssiAck)
	packet[3] = 0
	again := status&ssiRetransmit != 0 && string(packet[:n]) == string(p.last)
	p.last = append(p.last[:0], packet[:n]...)
	if again || opcode != ssiDecodeData { // our answer was lost; or a reader that tells of its trigger
		return s, false, false
	}
	return p.data(packet[min(ssiHeader+ssiKindBytes, n):n], status&ssiContinuation != 0)
}

func (p *packets) data(b []byte, more bool) (s Scan, ended, good bool) {
	if p.bad = p.bad || len(p.scan)+len(b) > MaxLine; !p.bad {
		p.scan = append(p.scan, b...)
	}
	if more {
		return s, false, false
	}
	text, bad := string(p.scan), p.bad
	p.scan, p.bad = p.scan[:0], false
	for len(text) > 0 && (text[len(text)-1] == '\r' || text[len(text)-1] == '\n') { // a suffix that the reader is set to
		text = text[:len(text)-1]
	}
	if bad || !clean(text) {
		return s, true, false
	}
	s = parse(text)
	return s, true, s.Text != ""
}

// clean says whether text is what a Scan may hold.
func clean(text string) bool {
	for _, r := range text {
		if r < ' ' && r != 0x1D || r == 0x7F {
			return false
		}
	}
	return utf8.ValidString(text)
}

// answer sends a packet. Nobody can do anything about one that is lost: the reader sends again.
func (p *packets) answer(opcode byte, data ...byte) {
	packet := append([]byte{byte(ssiHeader + len(data)), opcode, ssiHost, 0}, data...)
	_, _ = p.w.Write(binary.BigEndian.AppendUint16(packet, ssiSum(packet)))
}

func ssiSum(packet []byte) (sum uint16) {
	for _, b := range packet {
		sum -= uint16(b)
	}
	return sum
}
