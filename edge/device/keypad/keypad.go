// Package keypad reads codes from a numeric keypad that sends a byte a key: 0 to 9, # (or CR or LF) to enter, * (or BS, DEL,
// ESC, CAN) to clear. Matrix keypads on a serial encoder and USB keypads behind edge/board's key reader both do.
package keypad

import (
	"context"
	"fmt"
	"io"
	"time"
)

const (
	// MaxDigits is the longest code. A longer entry is reported with one digit more, which no code matches, so that the person
	// is told and the try counts.
	MaxDigits = 16
	// Pause is how long the next key may take; then what was entered is forgotten, so that nobody completes another's code.
	Pause = 20 * time.Second
)

// Dev is one keypad.
type Dev struct {
	r   io.Reader
	now func() time.Time
	p   parser
}

// New returns the keypad that sends its keys to r. now tells the time (a clock's Now); time.Now when nil.
func New(r io.Reader, now func() time.Time) *Dev {
	if now == nil {
		now = time.Now
	}
	return &Dev{r: r, now: now}
}

// String names the device.
func (d *Dev) String() string { return "keypad" }

// Halt does nothing: whoever opened the stream closes it.
func (d *Dev) Halt() error { return nil }

// Run calls fn with each code that is entered, one at a time, until the stream ends, whose error it returns, or ctx ends. At
// the end of ctx it closes the stream, if that is an io.Closer: nothing else ends a read.
func (d *Dev) Run(ctx context.Context, fn func(code string)) error {
	if c, ok := d.r.(io.Closer); ok {
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	}
	buf := make([]byte, 64)
	for {
		n, err := d.r.Read(buf)
		now := d.now()
		for _, key := range buf[:n] {
			if code, ok := d.p.press(key, now); ok {
				fn(code)
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("keypad: %w", err)
		}
	}
}

// parser holds what has been entered so far.
type parser struct {
	digits []byte
	last   time.Time // of the last key
}

// press takes a key and returns the code that it completes. Enter without digits is none; bytes that are no key are noise.
func (p *parser) press(key byte, at time.Time) (code string, ok bool) {
	if at.Sub(p.last) > Pause {
		p.digits = p.digits[:0]
	}
	p.last = at
	switch {
	case key >= '0' && key <= '9':
		if len(p.digits) <= MaxDigits {
			p.digits = append(p.digits, key)
		}
	case key == '*', key == '\b', key == 0x7F, key == 0x1B, key == 0x18:
		p.digits = p.digits[:0]
	case key == '#', key == '\r', key == '\n':
		code = string(p.digits)
		p.digits = p.digits[:0]
	}
	return code, code != ""
}
