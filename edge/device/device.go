// Package device holds what all drivers share: the names of the faults of a sensor. Each driver has a package of its own
// below; it takes a periph bus or pin, or a byte stream, and knows nothing of who uses it. See DESIGN.md.
package device

import "errors"

// Faults of a sensor. A driver that meets one returns it, wrapped with the address and what was seen, and no number.
var (
	// ErrMissing: nothing answers. The chip is dead or unplugged, or the bus is broken; the bus cannot tell these apart.
	ErrMissing = errors.New("sensor does not answer")
	// ErrCRC: something answers, and its checksum does not fit, also when asked again.
	ErrCRC = errors.New("sensor answers with a wrong checksum")
	// ErrPowerOn: the chip holds its power-on value. It lost its supply, so that no conversion was made.
	ErrPowerOn = errors.New("sensor holds its power-on value, no conversion was made")
	// ErrOutOfRange: the value is outside of what the chip can measure.
	ErrOutOfRange = errors.New("sensor reads outside its range")
	// ErrOpen: no current flows through the sensor. A wire is cut or a plug is out.
	ErrOpen = errors.New("sensor's circuit is open")
	// ErrShorted: the sensor's two wires touch, or one touches ground.
	ErrShorted = errors.New("sensor's circuit is shorted")
)

// Advised is an error with what a person may do about it, in plain words.
type Advised struct {
	Err error
	Do  string
}

// Error is the error alone: the advice is for who shows it apart.
func (a *Advised) Error() string { return a.Err.Error() }

// Unwrap gives the error.
func (a *Advised) Unwrap() error { return a.Err }

// ErrNotTold says that a part has no way to tell what it is asked for.
var ErrNotTold = errors.New("does not tell")
