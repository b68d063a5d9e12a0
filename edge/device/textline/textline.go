// Package textline drives the display of a lock or handheld: one line of text, sent over a serial line and ended by CR LF,
// which replaces the one before. The bell character beeps. A line of MEGURI, digits or a letter and a colon is shown as a QR code.
package textline

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// MaxRunes is the longest line; a longer one is cut.
const MaxRunes = 120

// MaxCode is the longest text of a QR code, in bytes.
const MaxCode = 1500

const bell = '\a'

// Dev is one display. It is safe for concurrent use.
type Dev struct {
	mu sync.Mutex
	w  io.Writer
}

// New returns the display that shows what is written to w.
func New(w io.Writer) *Dev { return &Dev{w: w} }

// String names the device.
func (d *Dev) String() string { return "display" }

// Halt clears the display.
func (d *Dev) Halt() error { return d.Show("") }

// Show replaces the line. Bells in it beep; other control characters and bytes that are no text become blanks.
func (d *Dev) Show(line string) error { return d.write(clean(line) + "\r\n") }

// Refuse replaces the line and beeps.
func (d *Dev) Refuse(line string) error { return d.write(string(bell) + clean(line) + "\r\n") }

// Code replaces the line with a QR code of a text, which is in capitals, digits and a colon. One that is too long, or is none, is an
// error: half a code says nothing.
func (d *Dev) Code(text string) error {
	if !strings.HasPrefix(text, "MEGURI") || len(text) > MaxCode || strings.ContainsFunc(text, notInCode) {
		return fmt.Errorf("display: want a code of capitals and digits, at most %d characters, not %d", MaxCode, len(text))
	}
	return d.write(text + "\r\n")
}

func notInCode(r rune) bool { return (r < '0' || r > ':') && (r < 'A' || r > 'Z') }

// Beep beeps and leaves the line as it is.
func (d *Dev) Beep() error { return d.write(string(bell)) }

func (d *Dev) write(text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := io.WriteString(d.w, text); err != nil {
		return fmt.Errorf("display: %w", err)
	}
	return nil
}

func clean(line string) string {
	line = strings.Map(func(r rune) rune {
		if r != bell && unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, line)
	if utf8.RuneCountInString(line) <= MaxRunes {
		return line
	}
	return string([]rune(line)[:MaxRunes-1]) + "…"
}
