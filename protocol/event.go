package protocol

import (
	"strings"
	"unicode/utf8"
)

// Kinds of record in the events log.
const (
	KindBooted           Kind = 1
	KindClockSet         Kind = 2
	KindPlanApplied      Kind = 3
	KindCommandAnswered  Kind = 4
	KindDamaged          Kind = 5
	KindCommandTaken     Kind = 6
	KindSalvaged         Kind = 7
	KindSamplingSet      Kind = 8
	KindStopped          Kind = 9
	KindContainerFilled  Kind = 10
	KindItemShort        Kind = 11
	KindContainerShelved Kind = 12
	KindStopReached      Kind = 20
	KindContainerLoaded  Kind = 21
	KindContainerPlaced  Kind = 30
	KindScanRefused      Kind = 39
	KindGrantUsed        Kind = 40
	KindGrantRefused     Kind = 41
	KindRelayFired       Kind = 42
	KindDoorOpened       Kind = 43
	KindDoorClosed       Kind = 44
	KindDoorFault        Kind = 45
	KindPickupInferred   Kind = 46
	KindUseReturned      Kind = 47
	KindUseUncertain     Kind = 48
	KindKeyUsed          Kind = 49
	KindMains            Kind = 50
	KindAlarm            Kind = 51
	KindGoodsHeld        Kind = 52
	KindClockBattery     Kind = 63
	KindNotOpened        Kind = 54
	KindDoorWarm         Kind = 55
	KindUnbolted         Kind = 56
	KindSigningKey       Kind = 57
	KindRideJudged       Kind = 58
	KindBolted           Kind = 59
)

// Kinds of record in the readings log.
const (
	KindSamples Kind = 100
	KindThinned Kind = 101
	KindRounds  Kind = 102
)

// Booted is the first record of every boot.
type Booted struct {
	Software string `cbor:"1,keyasint"`
}

// ClockSet pairs the monotonic and the wall time at the moment the wall clock was set, so that the hub can date the records
// of this boot that came before. It is recorded again whenever the two have drifted apart or the wall clock was stepped: each
// pair holds from its own monotonic time on, the first also for what came before.
type ClockSet struct {
	Mono   int64 `cbor:"1,keyasint"`           // milliseconds since boot
	Wall   int64 `cbor:"2,keyasint"`           // Unix milliseconds
	Within int64 `cbor:"3,keyasint,omitempty"` // milliseconds that the pair may be off either way, as far as the device can tell
}

// Stopped is the last record of a boot that ended in order: everything that was sampled is in the log before it.
type Stopped struct{}

// SamplingSet says how the device samples from now on: what the hub may expect of each boot. It comes after Booted, and
// whenever it changes.
type SamplingSet struct {
	EveryMS int64    `cbor:"1,keyasint"` // between two rounds
	FlushMS int64    `cbor:"2,keyasint"` // at most so long rounds are held in memory before they are in the log; 0: each is at once
	Sensors []string `cbor:"3,keyasint"`
}

// Salvaged is among the first records of an incarnation that goes on from one whose file was broken. What could be read of
// it comes next, numbered anew.
type Salvaged struct {
	Reason string      `cbor:"1,keyasint"` // what was found
	Lost   []LostSpan  `cbor:"2,keyasint"` // numbers of the parent incarnation that could not be read, at most MaxLostSpans
	Parent Incarnation `cbor:"3,keyasint"` // zero when not even that could be read
}

// LostSpan is numbers From to To of one log.
type LostSpan struct {
	Log  LogID  `cbor:"1,keyasint"`
	From uint64 `cbor:"2,keyasint"`
	To   uint64 `cbor:"3,keyasint"`
}

// MaxLostSpans is how many spans a Salvaged record names. When there are more, the last one reaches to the end of them all.
const MaxLostSpans = 64

// PlanApplied says that a plan is active, whole; or with a Reason, why it was refused.
type PlanApplied struct {
	Plan   uint64 `cbor:"1,keyasint"`
	Reason string `cbor:"2,keyasint,omitempty"`
}

// CommandTaken says that a command is about to be carried out; recorded before the device acts. CommandAnswered says how it
// ended.
type CommandTaken struct {
	ID      string `cbor:"1,keyasint"`
	Counter uint64 `cbor:"2,keyasint"`
}

// CommandAnswered is the end of a command.
type CommandAnswered struct {
	ID      string         `cbor:"1,keyasint"`
	Counter uint64         `cbor:"2,keyasint"`
	Outcome CommandOutcome `cbor:"3,keyasint"`
	Reason  string         `cbor:"4,keyasint,omitempty"`
}

// CommandOutcome is how a command ended.
type CommandOutcome uint8

// Outcomes of a command. Unknown is not an end: the power went while it was carried out, and the device finds out by sensing
// what became of it; another answer follows.
const (
	CommandDone    CommandOutcome = 1
	CommandRefused CommandOutcome = 2
	CommandExpired CommandOutcome = 3
	CommandUnknown CommandOutcome = 4
)

// Damaged stands in the place of an event whose stored bytes no longer matched their checksum when it was to be sent. The
// record's time is that of a neighbour.
type Damaged struct {
	Bytes uint32 `cbor:"1,keyasint"` // how many bytes stood there
}

// ContainerFilled binds a physical box to a dated container: a shop scanned both.
type ContainerFilled struct {
	DatedContainer string `cbor:"1,keyasint"`
	GRAI           string `cbor:"2,keyasint"`
}

// ItemShort says that a shop cannot put so many units of a product into a dated container.
type ItemShort struct {
	DatedContainer string `cbor:"1,keyasint"`
	GTIN           string `cbor:"2,keyasint"`
	Units          uint32 `cbor:"3,keyasint"`
}

// ContainerShelved says that a box was put on a collection address.
type ContainerShelved struct {
	GRAI    string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"`
}

// StopReached says that a driver is at a stop of a run.
type StopReached struct {
	Run      string `cbor:"1,keyasint"`
	Sequence uint32 `cbor:"2,keyasint"`
}

// ContainerLoaded says that a driver put a box into a shipper (both GRAI).
type ContainerLoaded struct {
	Run     string `cbor:"1,keyasint"`
	GRAI    string `cbor:"2,keyasint"`
	Shipper string `cbor:"3,keyasint"`
}

// ContainerPlaced says that a box was put into a slot of a station's fridge.
type ContainerPlaced struct {
	GRAI string `cbor:"1,keyasint"`
	Slot string `cbor:"2,keyasint"`
}

// ScanRefused is a scan, or a pair of scans, that the rules of the step did not take.
type ScanRefused struct {
	Step   string `cbor:"1,keyasint"`
	Scan   string `cbor:"2,keyasint"`
	Reason string `cbor:"3,keyasint"`
}

// NewScanRefused keeps what was scanned, and why it was refused, as texts that a record can carry: valid UTF-8, at most 200
// bytes each. Of a token it keeps that it was one: it may open a door elsewhere.
func NewScanRefused(step, scan, reason string) ScanRefused {
	const most = 200
	if IsToken(scan) {
		scan = "a token"
	}
	if IsStatement(scan) {
		scan = "a shipper's statement"
	}
	return ScanRefused{Step: step, Scan: bounded(scan, most), Reason: bounded(reason, most)}
}

// bounded is the beginning of a text: valid UTF-8, at most so many bytes. What is no UTF-8 takes three bytes to say so.
func bounded(text string, most int) string {
	text = strings.ToValidUTF8(text[:min(len(text), most+utf8.UTFMax)], "\ufffd")
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// GrantUsed says that a grant was found valid and is used; recorded before the relay moves.
type GrantUsed struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint"`
	Use      uint32 `cbor:"3,keyasint"` // counts from 1
	// Again: it opens once more for a use of which nobody knows whether the door had opened (UseUncertain); Use is that one.
	Again bool `cbor:"4,keyasint,omitempty"`
	// Late: the use had been given back, and the door opened all the same; no relay moves for this record.
	Late bool `cbor:"5,keyasint,omitempty"`
}

// UseReturned gives uses of a grant back: the relay fired, and door and bolt were seen all the while, shut.
type UseReturned struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint"`
	Use      uint32 `cbor:"3,keyasint"` // how many uses count from now on
}

// UseUncertain says that the lock was blind between a use of a grant and its outcome: the power went, or a contact failed. The use
// stays counted; a counted grant opens once more until Again, and GrantUsed says so then.
type UseUncertain struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint"`
	Use      uint32 `cbor:"3,keyasint"`           // the one in doubt
	Again    int64  `cbor:"4,keyasint,omitempty"` // Unix milliseconds by the lock's clock; 0: it opens no more for this use
}

// KeyUsed says that the cylinder of a door was turned by the staff's key. A door that opens within seconds was opened with it.
type KeyUsed struct {
	Position string `cbor:"1,keyasint"`
}

// NotOpened says that the lock drew its bolt back, and nobody pulled the door in time. A bolt that did not move is DoorJammed.
type NotOpened struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"`
}

// DoorWarm says that a door stands open while it is too warm inside.
type DoorWarm struct {
	Position    string `cbor:"1,keyasint"`
	Grant       string `cbor:"2,keyasint,omitempty"`
	Sensor      string `cbor:"3,keyasint"`
	MilliC      int64  `cbor:"4,keyasint"` // the reading that decided, millidegrees Celsius
	LimitMilliC int64  `cbor:"5,keyasint"`
}

// Unbolted says that a door is shut and its bolt has stayed back: whoever pulls comes in.
type Unbolted struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"` // whoever was in last
}

// GrantRefused says why a code did not open a door. Grant is empty when the code belongs to none.
type GrantRefused struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"`
	Reason   string `cbor:"3,keyasint"`
}

// RelayFired says that the lock was pulsed. It says nothing about the door.
type RelayFired struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"`
	Command  string `cbor:"3,keyasint,omitempty"`
}

// DoorOpened says that the door contact opened; without a grant nobody had asked for it.
type DoorOpened struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"`
}

// DoorClosed says that the door is shut and the bolt is back.
type DoorClosed struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint,omitempty"`
	OpenMS   int64  `cbor:"3,keyasint"` // how long it stood open
}

// DoorFault is a door that did not do what it should.
type DoorFault struct {
	Position string        `cbor:"1,keyasint"`
	Grant    string        `cbor:"2,keyasint,omitempty"`
	Fault    DoorFaultKind `cbor:"3,keyasint"`
}

// DoorFaultKind says what a door did wrong.
type DoorFaultKind uint8

// Faults of a door.
const (
	DoorJammed      DoorFaultKind = 1 // relay fired, door did not open in time
	DoorAlreadyOpen DoorFaultKind = 2 // stood open when the relay was to fire
	DoorUncommanded DoorFaultKind = 3 // opened and nobody had asked
	DoorAjar        DoorFaultKind = 4 // stands open too long
)

// PickupInferred says that goods of an order were probably taken: its grant was used, the door opened and shut. Nobody saw
// it, and Basis says what it rests on.
type PickupInferred struct {
	Position string `cbor:"1,keyasint"`
	Grant    string `cbor:"2,keyasint"`
	Order    string `cbor:"3,keyasint"`
	Basis    string `cbor:"4,keyasint"`
}

// Mains says that the supply of a fridge went or came back.
type Mains struct {
	Position string `cbor:"1,keyasint"`
	On       bool   `cbor:"2,keyasint"`
}

// Alarm says that a limit of a sensor has been exceeded for too long, or is kept again.
type Alarm struct {
	Sensor      string `cbor:"1,keyasint"`
	Raised      bool   `cbor:"2,keyasint"`
	MilliC      int64  `cbor:"3,keyasint"` // the reading that decided, millidegrees Celsius
	LimitMilliC int64  `cbor:"4,keyasint"`
	// First is the number, in the readings log, of the record with the first reading outside; since revision 4, 0 for not known. By it
	// the alarm is the one that the hub finds in the readings.
	First uint64 `cbor:"5,keyasint,omitempty"`
	// Rule is the name of the plan's AirRule, where it has any; since revision 5.
	Rule string `cbor:"6,keyasint,omitempty"`
}

// GoodsHeld says that a station has decided by itself that goods may not be handed out: they have stood too warm or too cold for
// longer than their category allows, or for longer than allowed it has had no reading.
type GoodsHeld struct {
	Position       string     `cbor:"1,keyasint"`
	DatedContainer string     `cbor:"2,keyasint"`
	Cause          GoodsCause `cbor:"3,keyasint"`
	Since          int64      `cbor:"4,keyasint"` // Unix milliseconds: when it became so
	OutsideMS      int64      `cbor:"5,keyasint"`
	MilliC         int64      `cbor:"6,keyasint"` // the reading that decided; 0 without one
	HeldAt         int64      `cbor:"7,keyasint"` // Unix milliseconds of the station's clock; names the decision
	// Shipper is in which they rode, where that is the cause; since revision 5.
	Shipper string `cbor:"8,keyasint,omitempty"`
}

// GoodsCause is why goods are held.
type GoodsCause uint8

// Causes for which a station holds goods.
const (
	GoodsBroken   GoodsCause = 1 // outside for longer than allowed
	GoodsDoubtful GoodsCause = 2 // without a valid reading for longer than allowed
	RideBroken    GoodsCause = 3 // by the shipper's statement: outside for longer than allowed on the way. This and what follows: revision 5
	RideDoubtful  GoodsCause = 4 // by the shipper's statement: without a valid reading for longer than allowed on the way
	RideUnstated  GoodsCause = 5 // handed in without a statement, and their category has them wait for it
	// RideCarried: between the last that their shipper had said and their hand-in was more time than they may be without a reading. What
	// the shipper reads after that says nothing of them, so a person decides.
	RideCarried GoodsCause = 6
)

// OfRide says whether a cause is about the way in a shipper.
func (c GoodsCause) OfRide() bool { return c >= RideBroken && c <= RideCarried }

// RideJudged says what a station knows, by itself, of the way of goods that were handed in: what it decided on. GoodsHeld says so when
// they are held. A later one of the same goods takes its place.
type RideJudged struct {
	Position       string      `cbor:"1,keyasint"` // of the fridge in which they stand
	DatedContainer string      `cbor:"2,keyasint"`
	Shipper        string      `cbor:"3,keyasint"`
	Outcome        RideOutcome `cbor:"4,keyasint"`
	From           int64       `cbor:"5,keyasint,omitempty"` // of the time that was judged, Unix milliseconds; 0 without a statement
	Until          int64       `cbor:"6,keyasint,omitempty"`
	OutsideMS      int64       `cbor:"7,keyasint,omitempty"`
	GapMS          int64       `cbor:"8,keyasint,omitempty"` // the longest time without a valid reading
	MilliC         int64       `cbor:"9,keyasint,omitempty"` // the worst reading outside; 0 when all were inside
	// Freed is HeldAt of the GoodsHeld that this ends: they were held for want of a statement that knows, and it came.
	Freed int64 `cbor:"10,keyasint,omitempty"`
}

// RideOutcome is what a station knows of a ride.
type RideOutcome uint8

// What a station knows of a ride.
const (
	RideSound     RideOutcome = 1
	RideUncertain RideOutcome = 2 // the shipper itself had no valid reading for longer than allowed
	RideTooWarm   RideOutcome = 3 // or too cold: outside for longer than allowed
	RideUnknown   RideOutcome = 4 // no statement came with them
)

// SigningKey tells the public key with which a device signs from now on.
type SigningKey struct {
	Public []byte `cbor:"1,keyasint"` // Ed25519
}

// Bolted says that a door is bolted again that was Unbolted, without having been opened.
type Bolted struct {
	Position string `cbor:"1,keyasint"`
}

// ClockBattery says how the battery of a device's clock is, when that has changed since it last said so. Revision 4.
type ClockBattery struct {
	State ClockBatteryState `cbor:"1,keyasint"`
}

// ClockBatteryState is how a clock's battery is.
type ClockBatteryState uint8

// States of a clock's battery.
const (
	ClockKept ClockBatteryState = 1 // the clock has kept the time while the power was off, after it had not before
	ClockLost ClockBatteryState = 2 // the clock shows no time at the start: the battery is empty, gone or was exchanged
	ClockLow  ClockBatteryState = 3 // the clock says that its battery will not last
)

func (ClockBattery) Kind() Kind     { return KindClockBattery }
func (Booted) Kind() Kind           { return KindBooted }
func (ClockSet) Kind() Kind         { return KindClockSet }
func (PlanApplied) Kind() Kind      { return KindPlanApplied }
func (CommandTaken) Kind() Kind     { return KindCommandTaken }
func (Salvaged) Kind() Kind         { return KindSalvaged }
func (SamplingSet) Kind() Kind      { return KindSamplingSet }
func (Stopped) Kind() Kind          { return KindStopped }
func (Rounds) Kind() Kind           { return KindRounds }
func (CommandAnswered) Kind() Kind  { return KindCommandAnswered }
func (Damaged) Kind() Kind          { return KindDamaged }
func (ContainerFilled) Kind() Kind  { return KindContainerFilled }
func (ItemShort) Kind() Kind        { return KindItemShort }
func (ContainerShelved) Kind() Kind { return KindContainerShelved }
func (StopReached) Kind() Kind      { return KindStopReached }
func (ContainerLoaded) Kind() Kind  { return KindContainerLoaded }
func (ContainerPlaced) Kind() Kind  { return KindContainerPlaced }
func (ScanRefused) Kind() Kind      { return KindScanRefused }
func (GrantUsed) Kind() Kind        { return KindGrantUsed }
func (GrantRefused) Kind() Kind     { return KindGrantRefused }
func (RelayFired) Kind() Kind       { return KindRelayFired }
func (DoorOpened) Kind() Kind       { return KindDoorOpened }
func (DoorClosed) Kind() Kind       { return KindDoorClosed }
func (DoorFault) Kind() Kind        { return KindDoorFault }
func (PickupInferred) Kind() Kind   { return KindPickupInferred }
func (UseReturned) Kind() Kind      { return KindUseReturned }
func (UseUncertain) Kind() Kind     { return KindUseUncertain }
func (KeyUsed) Kind() Kind          { return KindKeyUsed }
func (NotOpened) Kind() Kind        { return KindNotOpened }
func (DoorWarm) Kind() Kind         { return KindDoorWarm }
func (Unbolted) Kind() Kind         { return KindUnbolted }
func (Mains) Kind() Kind            { return KindMains }
func (GoodsHeld) Kind() Kind        { return KindGoodsHeld }
func (RideJudged) Kind() Kind       { return KindRideJudged }
func (SigningKey) Kind() Kind       { return KindSigningKey }
func (Bolted) Kind() Kind           { return KindBolted }
func (Alarm) Kind() Kind            { return KindAlarm }
func (Samples) Kind() Kind          { return KindSamples }
func (Thinned) Kind() Kind          { return KindThinned }
