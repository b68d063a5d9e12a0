package log

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"meguri/protocol"
)

// formatVersion is raised when older programs could not read the file, or would write what newer ones take for damage. Version
// 2 added what position says from Tx on, its copies behind the records, and the sum over large values of state. In whatever
// version, bucketMeta holds keyLife, sealed as here, so that each program can tell a newer file from a broken one.
const formatVersion = 2

// Buckets of the file. Each value ends with a CRC32C over bucket, key and content, so that neither a flipped bit nor a
// value in a wrong place passes: bbolt's own check finds neither (58 of 60 flipped bits stayed unseen).
const (
	bucketMeta     = "meta"
	bucketEvents   = "events"
	bucketReadings = "readings"
	bucketState    = "state"
	bucketPieces   = "pieces" // of large values of state
	bucketAside    = "aside"  // raw bytes of damaged records, for a person or a later version
)

// buckets are all that every log has; from version 2 on there are also bucketSums and bucketBallast.
func buckets() []string {
	return []string{bucketMeta, bucketEvents, bucketReadings, bucketState, bucketPieces, bucketAside}
}

// Keys of the meta bucket.
const (
	keyLife     = "life"
	keyPosition = "position" // of both logs
)

// life says whose storage this is.
type life struct {
	Version     uint64               `cbor:"1,keyasint"`
	Incarnation protocol.Incarnation `cbor:"2,keyasint"`
	Boot        uint64               `cbor:"3,keyasint"`
	Parent      *protocol.Parent     `cbor:"4,keyasint,omitempty"`
}

// span says what one log holds: First up to Next-1.
type span struct {
	First  uint64        `cbor:"1,keyasint"`
	Next   uint64        `cbor:"2,keyasint"`
	Before protocol.Hash `cbor:"3,keyasint"` // running hash before First
	Last   protocol.Hash `cbor:"4,keyasint"` // running hash after Next-1
	Bytes  int64         `cbor:"5,keyasint"` // cost of its records, as recordCost counts
}

// position is written once by each transaction, and again behind the last record of each log that the transaction added to:
// when the page that holds it is lost, its copy says how far the log went.
type position struct {
	Events   span  `cbor:"1,keyasint"`
	Readings span  `cbor:"2,keyasint"`
	State    int64 `cbor:"3,keyasint"` // cost of local state, as stateCost counts

	// From version 2 on.
	Tx     uint64 `cbor:"4,keyasint,omitempty"` // number of the transaction that wrote it, so that an old one is told
	Digest uint64 `cbor:"5,keyasint,omitempty"` // of the directory of local state, so that an old value is told
	Alarms tally  `cbor:"6,keyasint"`           // rounds taken in an alarm, among the readings
	Aged   int64  `cbor:"7,keyasint,omitempty"` // wall time up to which readings were thinned for their age

	Incarnation protocol.Incarnation `cbor:"8,keyasint"` // as life says it
	Boot        uint64               `cbor:"9,keyasint,omitempty"`
}

// tally counts records and their cost.
type tally struct {
	Records uint64 `cbor:"1,keyasint,omitempty"`
	Bytes   int64  `cbor:"2,keyasint,omitempty"`
}

// tailKey is the key of the position's copy among the records: behind all numbers.
const tailKey = "\xff\xff\xff\xff\xff\xff\xff\xff"

func emptyPosition() position {
	return position{Events: span{First: 1, Next: 1}, Readings: span{First: 1, Next: 1}}
}

func (p *position) of(l protocol.LogID) *span {
	if l == protocol.Readings {
		return &p.Readings
	}
	return &p.Events
}

// Of says which log records with this body belong to.
func Of(b protocol.Body) protocol.LogID { return b.Kind().Log() }

func bucketOf(l protocol.LogID) string {
	if l == protocol.Readings {
		return bucketReadings
	}
	return bucketEvents
}

func checkLog(l protocol.LogID) error {
	if l != protocol.Events && l != protocol.Readings {
		return fmt.Errorf("%s: want %s or %s", l, protocol.Events, protocol.Readings)
	}
	return nil
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

const (
	hashSize = len(protocol.Hash{})
	sumSize  = 4
	// bbolt stores 16 bytes beside each key and value.
	elementCost = 16 + sumSize
)

func recordCost(record int) int64 { return int64(elementCost + 8 + hashSize + record) }

// storedRecordCost is the cost of a record by its stored value, 0 when it is missing.
func storedRecordCost(value []byte) int64 {
	if value == nil {
		return 0
	}
	return recordCost(len(value) - sumSize - hashSize)
}

// seal gives the stored form of content: content and checksum.
func seal(bucket string, key []byte, content ...[]byte) []byte {
	n := sumSize
	for _, c := range content {
		n += len(c)
	}
	value := make([]byte, 0, n)
	for _, c := range content {
		value = append(value, c...)
	}
	return binary.BigEndian.AppendUint32(value, checksum(bucket, key, value))
}

// unseal gives the content of a stored value, and false when its checksum does not fit. It does not copy.
func unseal(bucket string, key, value []byte) ([]byte, bool) {
	if len(value) < sumSize {
		return nil, false
	}
	content := value[:len(value)-sumSize]
	return content, binary.BigEndian.Uint32(value[len(content):]) == checksum(bucket, key, content)
}

func checksum(bucket string, key, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once, inside crc32
	sum := crc32.Update(0, table, []byte(bucket))
	sum = crc32.Update(sum, table, key)
	return crc32.Update(sum, table, content)
}

// unsealRecord gives the running hash after a record and the record's bytes.
func unsealRecord(bucket string, key, value []byte) (after protocol.Hash, record []byte, ok bool) {
	content, ok := unseal(bucket, key, value)
	if !ok || len(content) < hashSize {
		return after, nil, false
	}
	copy(after[:], content)
	return after, content[hashSize:], true
}

// hashAfter gives the running hash stored with a record. When the value is damaged it is what stands there; a wrong one
// shows at the hub as a break of the chain.
func hashAfter(value []byte) (after protocol.Hash, ok bool) {
	if len(value) < hashSize {
		return after, false
	}
	copy(after[:], value)
	return after, true
}
