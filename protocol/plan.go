package protocol

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"golang.org/x/crypto/argon2"
)

// LockPlan is the part "lock/POSITION": who may open this door, and what should be behind it.
type LockPlan struct {
	Position   string           `cbor:"1,keyasint"`
	Grants     []Grant          `cbor:"2,keyasint"`
	Containers []SlotAssignment `cbor:"3,keyasint"`
	// Issued is when the newest grant for this lock was issued that the hub knew of, Unix milliseconds. A signed token that is no
	// newer has its grant among Grants, or was revoked.
	Issued int64    `cbor:"4,keyasint,omitempty"`
	Keys   [][]byte `cbor:"5,keyasint,omitempty"` // Ed25519 public keys with which the hub signs tokens, or did until lately
	// People says what the lock does in doubt, for each kind of person; since revision 4. A kind that is missing has DefaultPeople's.
	People []PersonRule `cbor:"6,keyasint,omitempty"`
	// Shippers are the keys by which the statements of the shippers are known that Containers ride in; since revision 5.
	Shippers []ShipperKey `cbor:"7,keyasint,omitempty"`
	// OutOfService says that the board at this position is being put into service: nobody has a grant here until an engineer has signed.
	OutOfService bool `cbor:"10,keyasint,omitempty"`
}

// PersonRule is what a lock does for a kind of person when it cannot be sure.
type PersonRule struct {
	Holder Holder `cbor:"1,keyasint"`
	// PlanAgeMS is how long a grant opens after the hub last vouched for it: said that the lock's plan is the newest, or signed the
	// token. So long, at most, a grant that was revoked opens at a lock that is offline. Milliseconds.
	PlanAgeMS int64    `cbor:"2,keyasint"`
	Unproven  Unproven `cbor:"3,keyasint,omitempty"`
}

// Unproven is what opens while a lock knows of the time only that it is no earlier than a moment, which goes on with the seconds.
type Unproven uint8

// Policies for a time without proof. A grant that has ended by that moment opens under none of them.
const (
	UnprovenNothing Unproven = 0
	UnprovenWithin  Unproven = 1 // a grant whose window holds that moment
	UnprovenNotOver Unproven = 2 // a grant that is not over then, though it may not have begun
)

// DefaultPeople are the rules for those that a plan does not name; edge/DESIGN.md says why they are so.
func DefaultPeople() []PersonRule {
	const day = 24 * 60 * 60 * 1000
	return []PersonRule{
		{Holder: HolderCustomer, PlanAgeMS: day, Unproven: UnprovenWithin},
		{Holder: HolderCourier, PlanAgeMS: 3 * day, Unproven: UnprovenWithin},
		{Holder: HolderShop, PlanAgeMS: 3 * day, Unproven: UnprovenWithin},
		{Holder: HolderStaff, PlanAgeMS: day, Unproven: UnprovenWithin},
		{Holder: HolderEngineer, PlanAgeMS: day, Unproven: UnprovenNotOver},
	}
}

// RuleFor is the rule for a kind of person; the zero rule, which opens nothing, for a kind of a newer hub.
func (l LockPlan) RuleFor(h Holder) PersonRule {
	for _, r := range append(slices.Clip(l.People), DefaultPeople()...) {
		if r.Holder == h {
			return r
		}
	}
	return PersonRule{Holder: h}
}

// Grant is the right to open one lock.
type Grant struct {
	ID         string   `cbor:"1,keyasint"`
	Holder     Holder   `cbor:"2,keyasint"`
	Order      string   `cbor:"3,keyasint,omitempty"` // order code, for a customer
	PIN        Hash     `cbor:"4,keyasint"`           // HashPIN of the grant's id and code; zero where Check is
	From       int64    `cbor:"5,keyasint"`           // Unix milliseconds, inclusive
	Until      int64    `cbor:"6,keyasint"`           // Unix milliseconds, exclusive
	Uses       uint32   `cbor:"7,keyasint"`           // at most so many; 0: as often as needed within the window
	Containers []string `cbor:"8,keyasint,omitempty"` // dated containers here that must be in before it opens
	Elsewhere  []string `cbor:"9,keyasint,omitempty"` // other positions of this location that hold goods of the order

	// Since revision 3, in place of PIN: the first digits of the code, which name the grant, and CheckPIN of the whole with Salt.
	Selector string `cbor:"10,keyasint,omitempty"`
	Salt     []byte `cbor:"11,keyasint,omitempty"`
	Check    []byte `cbor:"12,keyasint,omitempty"`
}

// Holder is the kind of person that a grant was made for.
type Holder uint8

// Kinds of holder.
const (
	HolderCustomer Holder = 1
	HolderCourier  Holder = 2
	HolderShop     Holder = 3 // at a collection fridge, to bring what it has packed
	HolderStaff    Holder = 4
	HolderEngineer Holder = 5 // who fits kits and replaces boards; always counted
)

// Cost of CheckPIN: Argon2id (RFC 9106) with one pass over 2 MiB, which a lock's board can spare beside all else.
const (
	checkPasses = 1
	checkKiB    = 2 << 10
	checkBytes  = 16
)

// CheckPIN is what a plan carries in place of a code. Whoever has a board's storage has to try this for every code: edge/DESIGN.md
// says how long that takes.
func CheckPIN(pin string, salt []byte) []byte {
	return argon2.IDKey([]byte(pin), salt, checkPasses, checkKiB, 1, checkBytes)
}

// HashPIN is what plans carried in place of a code before revision 3. It keeps codes out of files and logs, and not from somebody who
// has the file and a computer.
func HashPIN(grant, pin string) Hash {
	return sha256.Sum256([]byte("meguri pin\x00" + grant + "\x00" + pin))
}

// HasPIN says whether pin is the grant's code, in constant time.
func (g Grant) HasPIN(pin string) bool {
	if len(g.Check) > 0 {
		return strings.HasPrefix(pin, g.Selector) && subtle.ConstantTimeCompare(CheckPIN(pin, g.Salt), g.Check) == 1
	}
	h := HashPIN(g.ID, pin)
	return subtle.ConstantTimeCompare(h[:], g.PIN[:]) == 1
}

// SlotAssignment says which dated container belongs in which slot. GRAI is empty until the shop has bound a box to it. Placed
// says that the hub has heard of the box in the slot, so that a replaced board knows what stands in its fridges.
type SlotAssignment struct {
	DatedContainer string `cbor:"1,keyasint"`
	Slot           string `cbor:"2,keyasint"`
	GRAI           string `cbor:"3,keyasint,omitempty"`
	Placed         bool   `cbor:"4,keyasint,omitempty"`

	// Since revision 4: what the goods may bear here, and what the hub knows of them.
	Goods GoodsLimit `cbor:"5,keyasint,omitzero"`
	Hold  GoodsHold  `cbor:"6,keyasint,omitempty"`
	// HoldAt is when they were held, released or condemned, Unix milliseconds.
	HoldAt int64 `cbor:"7,keyasint,omitempty"`
	// HoldOf is HeldAt of the newest GoodsHeld that was released. A station that has held them by a later decision goes on to.
	HoldOf int64 `cbor:"8,keyasint,omitempty"`
	// Released and Lifted are HeldAt of the GoodsHeld that a person has released, and of those that the hub has ended itself because its
	// readings say otherwise: the newest MaxDecided of each. Since revision 5.
	Released []int64 `cbor:"10,keyasint,omitempty"`
	Lifted   []int64 `cbor:"11,keyasint,omitempty"`
	// Ride is how the goods come here, since revision 5; zero where nothing says what they may bear on the way.
	Ride Ride `cbor:"9,keyasint,omitzero"`
}

// MaxDecided is how many decisions of each kind a plan names of a container.
const MaxDecided = 16

// Ride is goods on their way in a shipper.
type Ride struct {
	Shipper string     `cbor:"1,keyasint"` // its position
	Limit   GoodsLimit `cbor:"2,keyasint"` // what the goods may bear in it
	// From is when they were loaded, Unix milliseconds: by the driver's scan when the hub had heard of it, else as planned; 0 for unknown.
	From int64 `cbor:"3,keyasint,omitempty"`
	// UnstatedHolds: goods that are handed in without the shipper's statement are held until it comes, or the hub knows of the ride.
	// Else they are handed out, and that is recorded.
	UnstatedHolds bool `cbor:"4,keyasint,omitempty"`
}

// ShipperKey is the Ed25519 public key of the device at a shipper.
type ShipperKey struct {
	Shipper string `cbor:"1,keyasint"`
	Public  []byte `cbor:"2,keyasint"`
}

// GoodsLimit is what goods may bear in a station's fridge or in a shipper: for so long outside the range, and for so long without a valid reading.
// Zero is no limit.
type GoodsLimit struct {
	MinMilliC  int64 `cbor:"1,keyasint"`
	MaxMilliC  int64 `cbor:"2,keyasint"`
	OutsideMS  int64 `cbor:"3,keyasint"`
	GapMS      int64 `cbor:"4,keyasint"`
	DoubtHolds bool  `cbor:"5,keyasint,omitempty"` // beyond GapMS they are held; else handed out, and that is recorded
}

// GoodsHold is what the hub knows of goods.
type GoodsHold uint8

// What the hub knows of goods. Nothing is zero.
const (
	GoodsWait      GoodsHold = 1 // held until a person decides
	GoodsReleased  GoodsHold = 2
	GoodsCondemned GoodsHold = 3
)

// TemperaturePlan is the part "fridge/POSITION" or "shipper/POSITION": the allowed air temperature and how to sample it.
type TemperaturePlan struct {
	Position      string `cbor:"1,keyasint"`
	MinMilliC     int64  `cbor:"2,keyasint"`
	MaxMilliC     int64  `cbor:"3,keyasint"`
	SampleEveryMS int64  `cbor:"4,keyasint"`
	AlarmAfterMS  int64  `cbor:"5,keyasint"` // outside the limits for so long is an alarm
	// Since revision 4: an excursion is over when it has been so far inside for so long. Missing: the first reading inside ends it.
	DeadbandMilliC int64 `cbor:"6,keyasint,omitempty"`
	ClearAfterMS   int64 `cbor:"7,keyasint,omitempty"`
	// Rules are all by which the air is watched, in place of the ones above; since revision 5. Empty: those above.
	Rules []AirRule `cbor:"11,keyasint,omitempty"`
}

// AirRule is one side of the temperatures of a place and when it is an alarm.
type AirRule struct {
	Name           string `cbor:"1,keyasint"` // what the alarm is called by
	Low            bool   `cbor:"2,keyasint,omitempty"`
	LimitMilliC    int64  `cbor:"3,keyasint"`           // below it is outside, or above it; millidegrees Celsius
	AfterMS        int64  `cbor:"4,keyasint,omitempty"` // outside for so long at a stretch is an alarm; 0: at once
	DeadbandMilliC int64  `cbor:"5,keyasint,omitempty"`
	ClearAfterMS   int64  `cbor:"6,keyasint,omitempty"`
}

// ScannerPlan is the part "scanner/POSITION": the work list of a shop's scanner.
type ScannerPlan struct {
	Position   string            `cbor:"1,keyasint"`
	Date       string            `cbor:"2,keyasint"` // delivery date, YYYY-MM-DD
	Containers []PackingListPart `cbor:"3,keyasint"`
}

// PackingListPart is one dated container of a shop's packing list.
type PackingListPart struct {
	DatedContainer string        `cbor:"1,keyasint"`
	Address        string        `cbor:"2,keyasint"`
	GRAI           string        `cbor:"3,keyasint,omitempty"` // the box bound to it so far
	Products       []PackingLine `cbor:"4,keyasint"`
}

// PackingLine is so many units of a product in a container.
type PackingLine struct {
	GTIN  string `cbor:"1,keyasint"`
	Units uint32 `cbor:"2,keyasint"`
}

// DriverPlan is the part "driver/POSITION": the sheet of one run.
type DriverPlan struct {
	Position   string         `cbor:"1,keyasint"`
	Run        string         `cbor:"2,keyasint"`
	Stops      []RunStop      `cbor:"3,keyasint"`
	Containers []RunContainer `cbor:"4,keyasint"`
}

// RunStop is one stop of a run.
type RunStop struct {
	Sequence  uint32 `cbor:"1,keyasint"`
	Kind      string `cbor:"2,keyasint"` // collect, deliver, return
	Place     string `cbor:"3,keyasint"`
	PlannedAt int64  `cbor:"4,keyasint"` // Unix milliseconds
}

// RunContainer is one dated container aboard a run: address → container → shipper → slot.
type RunContainer struct {
	DatedContainer string `cbor:"1,keyasint"`
	GRAI           string `cbor:"2,keyasint,omitempty"`
	Address        string `cbor:"3,keyasint"`
	Shipper        string `cbor:"4,keyasint"` // GRAI of the shipper
	Location       string `cbor:"5,keyasint"`
	Slot           string `cbor:"6,keyasint"`
}
