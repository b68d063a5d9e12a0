// Package reader reads barcode and QR readers that send a line a scan: serial ones, and USB-HID ones behind edge/board's key
// reader.
package reader

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// MaxLine is the longest line, in bytes. A signed token in a QR code stays below 600, GS1 below 100.
const MaxLine = 2048

// Scan is what a reader read.
type Scan struct {
	// Symbology is the AIM identifier without its ']': "C1" for GS1-128, "d2" for GS1 DataMatrix, "Q3" for GS1 QR ("Q1" is a
	// plain QR code). Empty when the reader sends none. ISO/IEC 15424.
	Symbology string
	// Text is the rest: valid UTF-8 without control characters but GS (0x1D), which separates GS1 element strings.
	Text string
}

// Dev is one reader.
type Dev struct {
	r       io.Reader
	p       taker
	now     func() time.Time
	dropped atomic.Uint64
}

// taker takes bytes apart. ended says that a byte ended a scan, good that there is one, and not one that was lost.
type taker interface {
	take(b byte) (s Scan, ended, good bool)
	drop() (lost bool) // what was begun, and says whether that was anything
}

// silence is after how long what comes is no part of what was begun: a reader that has lost its supply in the middle of a scan does not go
// on with it. A person who types a PIN is faster than that, and a reader that sends a packet again (SSI: after 2 s).
const silence = 5 * time.Second

// New returns the reader that sends its scans to r, a line each.
func New(r io.Reader) *Dev { return &Dev{r: r, p: &parser{}, now: time.Now} }

// String names the device.
func (d *Dev) String() string { return "reader" }

// Halt does nothing: whoever opened the stream closes it.
func (d *Dev) Halt() error { return nil }

// Dropped is how many lines were thrown away because they were too long or no text.
func (d *Dev) Dropped() uint64 { return d.dropped.Load() }

// Run calls fn with each scan, one at a time, until the stream ends, whose error it returns, or ctx ends. At the end of ctx it
// closes the stream, if that is an io.Closer: nothing else ends a read.
func (d *Dev) Run(ctx context.Context, fn func(s Scan)) error {
	if c, ok := d.r.(io.Closer); ok {
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	}
	defer func() { // on a stream that is opened again nothing goes on
		if d.p.drop() {
			d.dropped.Add(1)
		}
	}()
	buf := make([]byte, 512)
	for began := d.now(); ; {
		n, err := d.r.Read(buf)
		late := d.now().Sub(began) > silence
		began = d.now()
		if late && n > 0 && buf[0] != '\r' && buf[0] != '\n' && d.p.drop() { // a late end of a line joins nothing
			d.dropped.Add(1)
		}
		for _, b := range buf[:n] {
			s, ended, good := d.p.take(b)
			switch {
			case good:
				fn(s)
			case ended:
				d.dropped.Add(1)
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("reader: %w", err)
		}
	}
}

// parser holds the line so far.
type parser struct {
	line []byte
	bad  bool // too long, or no text
}

// take adds a byte. ended says that it ended a line that was not empty, good that the line is a scan.
func (p *parser) take(b byte) (s Scan, ended, good bool) {
	switch {
	case b == '\r' || b == '\n':
		ended = len(p.line) > 0 || p.bad
		good = ended && !p.bad && utf8.Valid(p.line)
		if good {
			s = parse(string(p.line))
			good = s.Text != ""
		}
		p.line, p.bad = p.line[:0], false
	case b < ' ' && b != 0x1D, b == 0x7F, len(p.line) == MaxLine:
		p.bad = true
	case !p.bad:
		p.line = append(p.line, b)
	}
	return s, ended, good
}

func (p *parser) drop() (lost bool) {
	lost = len(p.line) > 0 || p.bad
	p.line, p.bad = p.line[:0], false
	return lost
}

// parse splits the symbology identifier off: ']', a letter, a digit or letter.
func parse(line string) Scan {
	rest, ok := strings.CutPrefix(line, "]")
	if !ok || len(rest) < 2 || !letter(rest[0]) || !letter(rest[1]) && (rest[1] < '0' || rest[1] > '9') {
		return Scan{Text: line}
	}
	return Scan{Symbology: rest[:2], Text: rest[2:]}
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// String is the scan as a reader with AIM identifiers sends it.
func (s Scan) String() string {
	if s.Symbology == "" {
		return s.Text
	}
	return "]" + s.Symbology + s.Text
}
