package protocol

import (
	"crypto/ed25519"
	"fmt"
	"strings"
)

// Statement is what a shipper says of its own readings, signed with its device's key, so that a station can judge the goods that rode
// in it with no network. It speaks of the time from From to Until, which begins before the goods were loaded: the shipper does not
// know when that was, and the station does. So it names each time outside, and not only their sum.
type Statement struct {
	Shipper   string    `cbor:"1,keyasint"` // its position
	Boot      uint64    `cbor:"2,keyasint"`
	From      int64     `cbor:"3,keyasint"` // of the first reading that it speaks of, Unix milliseconds
	Until     int64     `cbor:"4,keyasint"` // of the last round, Unix milliseconds; whole seconds, as all its times
	Readings  uint32    `cbor:"5,keyasint"` // rounds in which a probe gave a valid value
	MinMilliC int64     `cbor:"6,keyasint"` // lowest and highest of them
	MaxMilliC int64     `cbor:"7,keyasint"`
	Low       int64     `cbor:"8,keyasint"`            // the range of its plan, of its temperature category, in thousandths of a degree
	High      int64     `cbor:"9,keyasint"`            //
	Outside   []Stretch `cbor:"10,keyasint"`           // of that range, in order
	Gaps      []Stretch `cbor:"11,keyasint"`           // without a valid reading, in order
	Unproven  bool      `cbor:"12,keyasint,omitempty"` // its clock was lost: nobody knows when all this was
}

// Stretch is a span of time before Until of a statement. Where there were more than MaxStretches, those that were closest together are
// one: it is then longer than it was by the time between them, and never shorter.
type Stretch struct {
	Ago     uint32 `cbor:"1,keyasint"`           // seconds from its beginning to Until
	Seconds uint32 `cbor:"2,keyasint"`           // how long it lasted
	MilliC  int64  `cbor:"3,keyasint,omitempty"` // the worst reading in it; 0 in a gap
}

// Bounds of a statement.
const (
	// MaxStretches is how many stretches of a kind a statement names.
	MaxStretches = 12
	// MaxStatement bounds the text of a statement.
	MaxStatement = 1500
)

const (
	// statementPrefix begins every statement; what follows is as in a token.
	statementPrefix = "MEGURIS1:"
	// statementDomain is signed along, so that nothing else that the key signs can be taken for a statement.
	statementDomain = "meguri shipper's statement"
)

// IsStatement says whether the text of a barcode is meant as a shipper's statement.
func IsStatement(text string) bool {
	return len(text) >= len(statementPrefix) && strings.EqualFold(text[:len(statementPrefix)], statementPrefix)
}

// SignStatement gives the text of a statement.
func SignStatement(s Statement, key ed25519.PrivateKey) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	signed, err := sign1(s, []byte(statementDomain), key)
	if err != nil {
		return "", fmt.Errorf("sign the statement of %s: %w", s.Shipper, err)
	}
	text := statementPrefix + base32Text.EncodeToString(signed)
	if len(text) > MaxStatement {
		return "", fmt.Errorf("sign the statement of %s: %d characters, at most %d", s.Shipper, len(text), MaxStatement)
	}
	return text, nil
}

// OpenStatement reads a statement that the device of its shipper has signed. keys are public keys by shipper. The error is
// ErrUnknownKey where there is none for the shipper or it is another, ErrSignature, or ErrMalformed. Whether it is new, and of the right
// time, is for the caller to say. What it says of itself is given with the first two errors, too: it is not to be believed.
func OpenStatement(text string, keys map[string][]byte) (Statement, error) {
	var s Statement
	if !IsStatement(text) || len(text) > MaxStatement {
		return s, fmt.Errorf("%w: statement: want %s and at most %d characters, not %d", ErrMalformed, statementPrefix, MaxStatement, len(text))
	}
	m, err := sign1Of(text[len(statementPrefix):])
	if err != nil {
		return s, fmt.Errorf("%w: statement: %w", ErrMalformed, err)
	}
	if err := decMode.Unmarshal(m.Payload, &s); err != nil {
		return Statement{}, fmt.Errorf("%w: statement: %w", ErrMalformed, err)
	}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	if err := verified(m, []byte(statementDomain), [][]byte{keys[s.Shipper]}); err != nil {
		return s, fmt.Errorf("statement of %.64s: %w", s.Shipper, err)
	}
	return s, nil
}

// check refuses what no shipper says.
func (s Statement) check() error {
	long := s.Until - s.From
	switch {
	case s.Shipper == "" || len(s.Shipper) > maxShipperName:
		return fmt.Errorf("%w: statement: want the name of a shipper, at most %d bytes", ErrMalformed, maxShipperName)
	case s.From <= 0 || long < 0 || long > maxStatedMS || s.Until > maxStatedAt:
		return fmt.Errorf("%w: statement: want a time from a moment to a later one, at most %d ms", ErrMalformed, int64(maxStatedMS))
	}
	for _, stretches := range [][]Stretch{s.Outside, s.Gaps} {
		if err := checkStretches(stretches, long); err != nil {
			return err
		}
	}
	return nil
}

const (
	maxShipperName = 64
	maxStatedMS    = 7 * 24 * 60 * 60 * 1000
	maxStatedAt    = 1 << 52 // its nanoseconds are no number any more, and its milliseconds are
)

// checkStretches wants them within the time that a statement speaks of, in order and apart.
func checkStretches(all []Stretch, longMS int64) error {
	if len(all) > MaxStretches {
		return fmt.Errorf("%w: statement: %d stretches, at most %d", ErrMalformed, len(all), MaxStretches)
	}
	left := longMS/1000 + 1
	for _, s := range all {
		if int64(s.Ago) > left || s.Seconds > s.Ago {
			return fmt.Errorf("%w: statement: a stretch that began %d s before its end and lasted %d s, want at most %d s before", ErrMalformed,
				s.Ago, s.Seconds, left)
		}
		left = int64(s.Ago) - int64(s.Seconds)
	}
	return nil
}
