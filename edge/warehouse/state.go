// Package warehouse holds the rules of a rental warehouse's scanner: who works with it, at which step, and what each scan of a piece, bag,
// shelf or menu card means then. It works alone with the day's lists; DESIGN.md says how.
package warehouse

import (
	"meguri/edge/phrase"
	"meguri/protocol"
)

// Bounds of the state.
const (
	maxPending = 20 // pieces in hand that wait for their shelf
	maxHeld    = 8  // errors that wait to be seen; of more only their number is kept
)

// State is what a scanner remembers across a restart besides its Book. It has a bound, and is stored with each scan.
type State struct {
	Badge  string `cbor:"1,keyasint,omitempty"` // who is signed on
	At     int64  `cbor:"2,keyasint,omitempty"` // Unix ms of the last scan
	Asked  string `cbor:"3,keyasint,omitempty"` // badge whose PIN is asked for
	Tries  uint32 `cbor:"4,keyasint,omitempty"` // wrong PINs since the last right one
	Closed int64  `cbor:"5,keyasint,omitempty"` // Unix ms until which no PIN is taken

	Step  protocol.Step `cbor:"6,keyasint,omitempty"`
	Visit uint32        `cbor:"7,keyasint,omitempty"` // rises with each step, bag, batch or shelf begun: within one, a second scan is a repeat
	Place string        `cbor:"8,keyasint,omitempty"` // dock, table or shelf that was scanned last
	Batch string        `cbor:"9,keyasint,omitempty"`
	Why   string        `cbor:"10,keyasint,omitempty"` // reason of a quarantine or retirement

	Bag     Bag      `cbor:"11,keyasint,omitzero"`
	Pending []string `cbor:"12,keyasint,omitempty"` // pieces in hand, at most maxPending
	Tote    string   `cbor:"13,keyasint,omitempty"` // that the piece picked last goes into
	Waybill string   `cbor:"14,keyasint,omitempty"` // for the next bag that leaves
	Aliases uint32   `cbor:"15,keyasint,omitempty"` // bags without a label that were named

	Inspected Inspection `cbor:"16,keyasint,omitzero"`
	Count     Count      `cbor:"17,keyasint,omitzero"`
	Held      []Held     `cbor:"18,keyasint,omitempty"` // at most maxHeld, the oldest first
	More      uint32     `cbor:"19,keyasint,omitempty"` // errors besides
	Begun     uint32     `cbor:"20,keyasint,omitempty"` // the visit with which the step began

	Since int64 `cbor:"30,keyasint,omitempty"` // Unix ms when the person signed on

	digits string // of a PIN so far: never stored
}

// Bag is the bag that is open: being packed, or unpacked.
type Bag struct {
	ID      string             `cbor:"1,keyasint,omitempty"` // SSCC
	Alias   string             `cbor:"2,keyasint,omitempty"` // of one without a label
	Order   string             `cbor:"3,keyasint,omitempty"`
	Pieces  uint32             `cbor:"4,keyasint,omitempty"` // that went in or came out
	Right   uint32             `cbor:"5,keyasint,omitempty"` // of these, expected
	Found   []protocol.BagFind `cbor:"6,keyasint,omitempty"` // at most protocol.MaxBagFinds
	Closing bool               `cbor:"7,keyasint,omitempty"` // the person was told what is missing
}

// open says whether there is a bag.
func (b Bag) open() bool { return b.ID != "" || b.Alias != "" }

// Inspection is one that is under way.
type Inspection struct {
	Item    string            `cbor:"1,keyasint,omitempty"`
	Grade   protocol.Grade    `cbor:"2,keyasint,omitempty"`
	Dirty   bool              `cbor:"3,keyasint,omitempty"`
	Damages []protocol.Damage `cbor:"4,keyasint,omitempty"` // at most protocol.MaxDamages
}

// Count is the count of a shelf that is under way.
type Count struct {
	Place     string `cbor:"1,keyasint,omitempty"`
	Begun     int64  `cbor:"2,keyasint,omitempty"` // Unix ms
	Expected  uint32 `cbor:"3,keyasint,omitempty"` // pieces that were known to be there
	Right     uint32 `cbor:"4,keyasint,omitempty"`
	Elsewhere uint32 `cbor:"5,keyasint,omitempty"` // known to be at another place
	Unknown   uint32 `cbor:"6,keyasint,omitempty"`
}

// Held is an error that was not seen yet. It keeps the rule, for the keys of phrases differ from version to version.
type Held struct {
	Rule string   `cbor:"1,keyasint"`
	Args []string `cbor:"2,keyasint,omitempty"`
}

// Verdict is the answer to a scan.
type Verdict struct {
	State   State
	Changes []Note          // for the Book, once all this is durable
	Bags    []BagNote       // likewise
	Records []protocol.Body // at most one a piece
	Is      protocol.ScanVerdict
	Line    phrase.Phrase // what was done, or is wrong
	Next    phrase.Phrase // what to do next
}

// Beeps is the sound of a verdict, besides the reader's own: none for what is right, so that one who is told something hears it.
func (v Verdict) Beeps() int {
	switch v.Is {
	case protocol.VerdictWarn:
		return 1
	case protocol.VerdictRefuse:
		return 3
	}
	return 0
}
