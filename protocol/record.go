package protocol

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Record is one entry of a log.
type Record struct {
	Number  uint64      `cbor:"1,keyasint"`
	Boot    uint64      `cbor:"2,keyasint"`
	Mono    int64       `cbor:"3,keyasint"` // milliseconds since the boot, monotonic
	Wall    int64       `cbor:"4,keyasint"` // Unix milliseconds, as good as Quality says
	Quality WallQuality `cbor:"5,keyasint"`
	Kind    Kind        `cbor:"6,keyasint"`
	Body    []byte      `cbor:"7,keyasint"` // CBOR of the kind's type
}

// WallQuality says how far a device's wall clock can be believed.
type WallQuality uint8

// Qualities of a wall clock.
const (
	WallUnset   WallQuality = 0 // never set since power-on; many boards start in 1970
	WallBattery WallQuality = 1 // from a battery clock
	WallSet     WallQuality = 2 // set from the hub or the network during this boot
)

// EncodeRecord gives the bytes of a record that are stored, hashed and sent.
func EncodeRecord(r Record) ([]byte, error) {
	b, err := encMode.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record %d: %w", r.Number, err)
	}
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("encode record %d: %d bytes, at most %d", r.Number, len(b), MaxRecord)
	}
	return b, nil
}

// DecodeRecord reads the bytes of a record; its body stays encoded. Errors wrap ErrMalformed.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > MaxRecord {
		return r, fmt.Errorf("%w: record of %d bytes, at most %d", ErrMalformed, len(b), MaxRecord)
	}
	if err := decMode.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("%w: record: %w", ErrMalformed, err)
	}
	if err := checkNumbers(r.Number, r.Boot); err != nil {
		return Record{}, fmt.Errorf("%w: record: %w", ErrMalformed, err)
	}
	return r, nil
}

// Next is the running hash after a record: SHA-256 of the hash before it and the record's bytes.
func (h Hash) Next(record []byte) Hash {
	d := sha256.New()
	d.Write(h[:])
	d.Write(record)
	var next Hash
	d.Sum(next[:0])
	return next
}

// HashPart is the hash that names a plan part.
func HashPart(body []byte) Hash { return sha256.Sum256(body) }

// Kind says what the body of a record is.
type Kind uint16

// Log is the log that records of this kind belong to: kinds from 100 on are readings.
func (k Kind) Log() LogID {
	if k >= KindSamples {
		return Readings
	}
	return Events
}

// ErrUnknownKind is returned for a kind that this version does not know; the record is kept for a later one.
var ErrUnknownKind = errors.New("unknown kind of record")

// Body is the content of a record: one of the types in this file's siblings event.go and reading.go.
type Body interface{ Kind() Kind }

// DecodeEvent reads the body of a record by its kind, into a pointer-free value. The error is ErrUnknownKind or wraps
// ErrMalformed.
func DecodeEvent(kind Kind, body []byte) (Body, error) {
	decode, ok := bodies[kind]
	if !ok {
		return nil, fmt.Errorf("%w: %d", ErrUnknownKind, kind)
	}
	return decode(body)
}

var bodies = map[Kind]func([]byte) (Body, error){
	KindBooted:           decodeAs[Booted],
	KindClockSet:         decodeAs[ClockSet],
	KindPlanApplied:      decodeAs[PlanApplied],
	KindCommandAnswered:  decodeAs[CommandAnswered],
	KindDamaged:          decodeAs[Damaged],
	KindCommandTaken:     decodeAs[CommandTaken],
	KindSalvaged:         decodeAs[Salvaged],
	KindSamplingSet:      decodeAs[SamplingSet],
	KindStopped:          decodeAs[Stopped],
	KindContainerFilled:  decodeAs[ContainerFilled],
	KindItemShort:        decodeAs[ItemShort],
	KindContainerShelved: decodeAs[ContainerShelved],
	KindStopReached:      decodeAs[StopReached],
	KindContainerLoaded:  decodeAs[ContainerLoaded],
	KindContainerPlaced:  decodeAs[ContainerPlaced],
	KindScanRefused:      decodeAs[ScanRefused],
	KindGrantUsed:        decodeAs[GrantUsed],
	KindGrantRefused:     decodeAs[GrantRefused],
	KindRelayFired:       decodeAs[RelayFired],
	KindDoorOpened:       decodeAs[DoorOpened],
	KindDoorClosed:       decodeAs[DoorClosed],
	KindDoorFault:        decodeAs[DoorFault],
	KindPickupInferred:   decodeAs[PickupInferred],
	KindUseReturned:      decodeAs[UseReturned],
	KindUseUncertain:     decodeAs[UseUncertain],
	KindKeyUsed:          decodeAs[KeyUsed],
	KindNotOpened:        decodeAs[NotOpened],
	KindDoorWarm:         decodeAs[DoorWarm],
	KindUnbolted:         decodeAs[Unbolted],
	KindMains:            decodeAs[Mains],
	KindAlarm:            decodeAs[Alarm],
	KindGoodsHeld:        decodeAs[GoodsHeld],
	KindRideJudged:       decodeAs[RideJudged],
	KindSigningKey:       decodeAs[SigningKey],
	KindBolted:           decodeAs[Bolted],
	KindClockBattery:     decodeAs[ClockBattery],
	KindItemScanned:      decodeAs[ItemScanned],
	KindBagScanned:       decodeAs[BagScanned],
	KindShelfCounted:     decodeAs[ShelfCounted],
	KindOperatorChanged:  decodeAs[OperatorChanged],
	KindSamples:          decodeAs[Samples],
	KindThinned:          decodeAs[Thinned],
	KindRounds:           decodeRounds,
}

func decodeRounds(body []byte) (Body, error) {
	var r Rounds
	if err := DecodeBody(body, &r); err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, nil
}

func decodeAs[T Body](body []byte) (Body, error) {
	var v T
	if err := DecodeBody(body, &v); err != nil {
		return nil, err
	}
	return v, nil
}
