package protocol

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

// Revision of the protocol that this version speaks. Within v1 a later revision only adds: keys, kinds of record, types of
// message. Each side tells its own, and sends nothing that came after the other's. Revision 2 added packed batches, Rounds and
// the outcome CommandUnknown; revision 3 codes that are checked slowly (Grant.Check), in plans; revision 4 what became of a use
// (UseReturned and its siblings) and rules for each kind of person (LockPlan.People), what goods may bear in a
// fridge and that they are held, and commands that show a number; revision 5 the round of rental items (ItemScanned and its siblings,
// WarehousePlan), how goods come to a station (SlotAssignment.Ride, RideJudged), and several alarm rules for the air of a place
// (TemperaturePlan.Rules, Alarm.Rule).
const Revision = 5

// LogID names one of a device's two logs.
type LogID uint8

// The logs of a device. Events are business facts and never dropped; readings are sensor samples and bounded.
const (
	Events   LogID = 1
	Readings LogID = 2
)

func (l LogID) String() string {
	switch l {
	case Events:
		return "events"
	case Readings:
		return "readings"
	}
	return fmt.Sprintf("log %d", uint8(l))
}

// Incarnation is one life of a device's storage: 16 random bytes, drawn when the storage is made.
type Incarnation [16]byte

// NewIncarnation draws a new incarnation.
func NewIncarnation() Incarnation {
	var i Incarnation
	_, _ = rand.Read(i[:]) // never fails, crypto/rand
	return i
}

// ParseIncarnation reads the text made by String.
func ParseIncarnation(text string) (Incarnation, error) {
	var i Incarnation
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(i) {
		return i, fmt.Errorf("incarnation %q: want 32 hexadecimal digits", text)
	}
	copy(i[:], b)
	return i, nil
}

func (i Incarnation) String() string { return hex.EncodeToString(i[:]) }

// Hash is a running hash over a log, or the hash of a plan part: SHA-256.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hello is the first thing a device says on each connection.
type Hello struct {
	Incarnation    Incarnation `cbor:"1,keyasint"`
	Boot           uint64      `cbor:"2,keyasint"` // counts power-ons within the incarnation, from 1
	Nonce          uint64      `cbor:"3,keyasint"` // echoed by the welcome
	Software       string      `cbor:"4,keyasint"` // version of the agent
	Logs           []Position  `cbor:"5,keyasint"`
	Plan           uint64      `cbor:"6,keyasint"` // version of the active plan, 0 for none
	CommandCounter uint64      `cbor:"7,keyasint"` // highest counter of a command taken
	Parent         *Parent     `cbor:"8,keyasint,omitempty"`
	Session        uint64      `cbor:"9,keyasint"`            // counts connections within the boot; the will of the connection carries the same
	Revision       uint64      `cbor:"10,keyasint,omitempty"` // of the protocol that the device speaks; 0: revision 1
}

// Position says which numbers of a log a device still holds: First up to Next-1. Before is the running hash before First.
type Position struct {
	Log    LogID  `cbor:"1,keyasint"`
	First  uint64 `cbor:"2,keyasint"`
	Next   uint64 `cbor:"3,keyasint"`
	Before Hash   `cbor:"4,keyasint"`
}

// Parent names the incarnation that this one was forked from, and the numbers at which it continues.
type Parent struct {
	Incarnation Incarnation `cbor:"1,keyasint"`
	Events      uint64      `cbor:"2,keyasint"`
	Readings    uint64      `cbor:"3,keyasint"`
	// State says that all local state came along as it was last, with what the device has counted. An older device does not say.
	State bool `cbor:"4,keyasint,omitempty"`
}

// Batch carries consecutive records of one log. Records are kept as the bytes that the device stored, so that the running
// hash is over exactly these and one that cannot be decoded does not hide the others.
type Batch struct {
	Incarnation Incarnation `cbor:"1,keyasint"`
	Log         LogID       `cbor:"2,keyasint"`
	First       uint64      `cbor:"3,keyasint"` // number of Records[0]; the first number of a log is 1
	Before      Hash        `cbor:"4,keyasint"` // running hash before First; zero before number 1
	Records     [][]byte    `cbor:"5,keyasint"`
	// Packed is the records in place of Records, deflated: see Pack. Decode unpacks it, so that nobody else meets it.
	Packed []byte `cbor:"6,keyasint,omitempty"`
}

// Want asks for parts of a plan that the device does not hold.
type Want struct {
	Plan   uint64 `cbor:"1,keyasint"`
	Hashes []Hash `cbor:"2,keyasint"`
}

// Gone is the will: this connection of this boot of this incarnation is lost. That of an older connection never overrides a
// newer hello, however late a broker delivers it.
type Gone struct {
	Incarnation Incarnation `cbor:"1,keyasint"`
	Boot        uint64      `cbor:"2,keyasint"`
	Session     uint64      `cbor:"3,keyasint"`
}

// Welcome answers a Hello.
type Welcome struct {
	Nonce       uint64      `cbor:"1,keyasint"`
	Incarnation Incarnation `cbor:"2,keyasint"`
	Epoch       uint64      `cbor:"3,keyasint"` // drawn at each start of the hub; acknowledgements of another are ignored
	HubTime     int64       `cbor:"4,keyasint"` // Unix milliseconds
	Expect      []Expect    `cbor:"5,keyasint"`
	Plan        uint64      `cbor:"6,keyasint"` // newest plan for the device, 0 for none
	Window      uint32      `cbor:"7,keyasint"` // batches a log that may be in flight
	Verdict     Verdict     `cbor:"8,keyasint"`
	Revision    uint64      `cbor:"9,keyasint,omitempty"` // of the protocol that the hub speaks; 0: revision 1
}

// Expect is the next number that the hub expects of a log.
type Expect struct {
	Log  LogID  `cbor:"1,keyasint"`
	Next uint64 `cbor:"2,keyasint"`
	// WaitMS is how long to wait before the first batch of the log; revision 1 does not know it.
	WaitMS uint32 `cbor:"3,keyasint,omitempty"`
}

// Verdict is what the hub makes of an incarnation.
type Verdict uint8

// Verdicts. A superseded incarnation may drain its log and gets no plans and no commands; a forked one has to draw a new
// incarnation that names it as parent.
const (
	Current    Verdict = 0
	Superseded Verdict = 1
	Forked     Verdict = 2
)

// Ack is the hub's own acknowledgement. Only it lets a device delete, and only up to Safe.
type Ack struct {
	Epoch       uint64      `cbor:"1,keyasint"`
	Incarnation Incarnation `cbor:"2,keyasint"`
	Log         LogID       `cbor:"3,keyasint"`
	Applied     uint64      `cbor:"4,keyasint"` // highest number whose effects are committed, 0 for none
	Safe        uint64      `cbor:"5,keyasint"` // highest number that may be deleted: committed, and in a backup where configured
	HubTime     int64       `cbor:"6,keyasint"` // Unix milliseconds
	Window      uint32      `cbor:"7,keyasint"` // batches that may be in flight
	WaitMS      uint32      `cbor:"8,keyasint"` // wait so long before the next batch
	Verdict     Verdict     `cbor:"9,keyasint"`
	// Hash is the running hash behind number Applied, zero when the hub does not tell. A device whose own is another one is a
	// branch of the log that the hub has not taken: it deletes nothing, and draws a new incarnation.
	Hash Hash `cbor:"10,keyasint,omitzero"`
}

// Manifest names the parts of a plan, made for one incarnation of a device; another ignores it. A plan is activated only
// whole, and only with a higher version than the active one.
type Manifest struct {
	Incarnation Incarnation `cbor:"1,keyasint"`
	Plan        uint64      `cbor:"2,keyasint"`
	MadeAt      int64       `cbor:"3,keyasint"` // Unix milliseconds
	Parts       []PartRef   `cbor:"4,keyasint"`
}

// PartRef names one part: "lock/FRIDGE", "fridge/FRIDGE", "shipper/SHIPPER", "scanner/SHOP", "driver/RUN", "warehouse/WAREHOUSE",
// "warehouse/WAREHOUSE/orders-03", "items/WAREHOUSE/1".
type PartRef struct {
	Name string `cbor:"1,keyasint"`
	Hash Hash   `cbor:"2,keyasint"`
	Size uint32 `cbor:"3,keyasint"`
}

// Part is the content of a plan part, named by its hash.
type Part struct {
	Hash Hash   `cbor:"1,keyasint"`
	Body []byte `cbor:"2,keyasint"`
}

// Command is one act asked of a device.
type Command struct {
	ID          string      `cbor:"1,keyasint"`
	Incarnation Incarnation `cbor:"2,keyasint"` // whom it is for; another ignores it
	Counter     uint64      `cbor:"3,keyasint"` // rises by one a device; one that was taken already is not done again
	Deadline    int64       `cbor:"4,keyasint"` // Unix milliseconds; after it the device answers expired
	PlanAtLeast uint64      `cbor:"5,keyasint"`
	Kind        CommandKind `cbor:"6,keyasint"`
	Target      string      `cbor:"7,keyasint"` // the position concerned
	// Text is what CommandShowNumber shows. It is for whoever stands there: no log and no file keeps it.
	Text string `cbor:"8,keyasint,omitempty"`
}

// MaxCommandText bounds Command.Text, in bytes.
const MaxCommandText = 40

// CommandKind says what a command asks for.
type CommandKind uint8

// Kinds of command.
const (
	CommandUnlock   CommandKind = 1 // open the lock at Target once
	CommandIdentify CommandKind = 2 // beep or blink, so that an installer finds the device
	// CommandShowNumber shows Text at Target, for whoever stands there to read it out: since revision 4.
	CommandShowNumber CommandKind = 3
)

func (Hello) messageType() uint8    { return typeHello }
func (Batch) messageType() uint8    { return typeBatch }
func (Want) messageType() uint8     { return typeWant }
func (Gone) messageType() uint8     { return typeGone }
func (Welcome) messageType() uint8  { return typeWelcome }
func (Ack) messageType() uint8      { return typeAck }
func (Manifest) messageType() uint8 { return typeManifest }
func (Part) messageType() uint8     { return typePart }
func (Command) messageType() uint8  { return typeCommand }

func (h Hello) check() error {
	if h.Boot == 0 {
		return errors.New("boot 0: boots count from 1")
	}
	if err := checkNumbers(h.Boot, h.Plan, h.CommandCounter, h.Session); err != nil {
		return err
	}
	if h.Parent != nil {
		if err := checkNumbers(h.Parent.Events, h.Parent.Readings); err != nil {
			return err
		}
	}
	seen := map[LogID]bool{}
	for _, p := range h.Logs {
		if err := checkLog(p.Log); err != nil {
			return err
		}
		if seen[p.Log] {
			return fmt.Errorf("%s twice", p.Log)
		}
		seen[p.Log] = true
		if p.First == 0 || p.Next < p.First || p.Next > maxNumber {
			return fmt.Errorf("%s from %d to before %d: numbers count from 1 and rise", p.Log, p.First, p.Next)
		}
	}
	return checkText("software", h.Software, 100)
}

func (b Batch) check() error {
	if err := checkLog(b.Log); err != nil {
		return err
	}
	if b.First == 0 || b.First > maxNumber {
		return fmt.Errorf("first number %d: want 1 to %d", b.First, uint64(maxNumber))
	}
	if len(b.Records) == 0 || len(b.Records) > MaxBatchRecords {
		return fmt.Errorf("%d records: want 1 to %d", len(b.Records), MaxBatchRecords)
	}
	for i, r := range b.Records {
		if len(r) > MaxRecord {
			return fmt.Errorf("record %d: %d bytes, at most %d", b.First+uint64(i), len(r), MaxRecord)
		}
	}
	return nil
}

func (w Want) check() error {
	if len(w.Hashes) > MaxParts {
		return fmt.Errorf("%d hashes: at most %d", len(w.Hashes), MaxParts)
	}
	return nil
}

func (g Gone) check() error { return checkNumbers(g.Boot, g.Session) }

func (w Welcome) check() error {
	for _, e := range w.Expect {
		if err := checkLog(e.Log); err != nil {
			return err
		}
	}
	return nil
}

func (a Ack) check() error { return checkLog(a.Log) }

func (m Manifest) check() error {
	if len(m.Parts) > MaxParts {
		return fmt.Errorf("%d parts: at most %d", len(m.Parts), MaxParts)
	}
	for _, p := range m.Parts {
		if p.Size > MaxPart {
			return fmt.Errorf("part %q: %d bytes, at most %d", p.Name, p.Size, MaxPart)
		}
	}
	return nil
}

func (p Part) check() error {
	if len(p.Body) > MaxPart {
		return fmt.Errorf("%d bytes, at most %d", len(p.Body), MaxPart)
	}
	return nil
}

func (c Command) check() error {
	if err := checkText("id", c.ID, 64); err != nil {
		return err
	}
	if err := checkText("text", c.Text, MaxCommandText); err != nil {
		return err
	}
	return checkText("target", c.Target, 100)
}

// maxNumber keeps numbers within what a database's BIGINT holds.
const maxNumber = 1<<62 - 1

func checkNumbers(numbers ...uint64) error {
	for _, n := range numbers {
		if n > maxNumber {
			return fmt.Errorf("number %d: at most %d", n, uint64(maxNumber))
		}
	}
	return nil
}

func checkLog(l LogID) error {
	if l != Events && l != Readings {
		return fmt.Errorf("log %d is unknown", uint8(l))
	}
	return nil
}

func checkText(field, text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("%s: %d bytes, at most %d", field, len(text), most)
	}
	return nil
}
