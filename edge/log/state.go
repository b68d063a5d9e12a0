package log

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// Bounds of local state.
const (
	maxKey   = 200     // bytes
	maxValue = 1 << 20 // bytes
)

// pieceSize is how large values are cut. Four pieces with their keys fit a page of bbolt, which keeps at least so many
// together. Values over several pages need as many free pages in a row, and a file that has been used for a while has none:
// with whole values of up to 64 KiB it grew to four times its content.
const pieceSize = 900

// A stored value of local state begins with one of these.
const (
	stateWhole  = 0 // then the value
	statePieces = 1 // then the value's length and its CRC64, 8 bytes each; it stands in the bucket of pieces
)

// Sizes of what stands in place of a value in pieces; version 1 had no sum over it.
const (
	headSize  = 1 + 8 + 8 + sumSize
	headSize1 = 1 + 8 + sumSize
)

func pieceTable() *crc64.Table { return crc64.MakeTable(crc64.ECMA) } // made once, inside crc64

// Get gives the value of a key of local state, nil when there is none. A damaged value is a *DamagedError, and so
// is one that is not what was stored last.
func (tx *Tx) Get(key string) ([]byte, error) {
	var value []byte
	err := guard(func() error {
		stored := bucket(tx.bolt, bucketState).Get([]byte(key))
		if !tx.current(key, stored) {
			return &DamagedError{Key: key}
		}
		if stored == nil {
			return nil
		}
		var ok bool
		if value, ok = getState(tx.bolt, key, stored); !ok {
			return &DamagedError{Key: key}
		}
		return nil
	})
	return value, err
}

func getState(tx *bolt.Tx, key string, stored []byte) (value []byte, ok bool) {
	content, ok := unseal(bucketState, []byte(key), stored)
	size, sum, pieces := cutHead(stored)
	if !ok || !pieces {
		return append([]byte{}, content[min(1, len(content)):]...), ok
	}
	b := bucket(tx, bucketPieces)
	for n := 0; len(value) < size; n++ {
		k := pieceKey(key, n)
		piece, ok := unseal(bucketPieces, k, b.Get(k))
		if !ok {
			return nil, false
		}
		value = append(value, piece...)
	}
	return value, len(value) == size && (sum == nil || *sum == crc64.Checksum(value, pieceTable()))
}

// Keys gives the keys of local state that begin with prefix, in order.
func (tx *Tx) Keys(prefix string) ([]string, error) {
	var keys []string
	err := guard(func() error {
		c := bucket(tx.bolt, bucketState).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, _ = c.Next() {
			keys = append(keys, string(k))
		}
		return nil
	})
	return keys, err
}

// Put sets a key of local state: 1 to 200 bytes, with a value of at most 1 MiB. The error is ErrFull when there is no room;
// only a change that adds at most 4 KiB may use the room that is reserved for events.
func (tx *Tx) Put(key string, value []byte) error {
	return tx.change(func() error {
		if key == "" || len(key) > maxKey || len(value) > maxValue {
			return fmt.Errorf("local state %.40q: key of %d bytes, value of %d: want 1 to %d and at most %d",
				key, len(key), len(value), maxKey, maxValue)
		}
		growth := stateCost(key, len(value)) - tx.storedStateCost(key)
		if growth > 0 && growth > tx.room.forState(tx.position, growth) {
			return fmt.Errorf("local state %q: %w: %d bytes more", key, ErrFull, growth)
		}
		if err := tx.makeRoom(growth); err != nil {
			return err
		}
		if err := tx.deleteState(key); err != nil {
			return err
		}
		tx.position.State += stateCost(key, len(value))
		stored := sealState(key, value)
		tx.note(key, stored)
		return putState(tx.bolt, key, stored, value)
	})
}

// sealState gives what is stored under a key: the value, or what stands for its pieces.
func sealState(key string, value []byte) []byte {
	if len(value) <= pieceSize {
		return seal(bucketState, []byte(key), []byte{stateWhole}, value)
	}
	head := binary.BigEndian.AppendUint64([]byte{statePieces}, uint64(len(value)))
	head = binary.BigEndian.AppendUint64(head, crc64.Checksum(value, pieceTable()))
	return seal(bucketState, []byte(key), head)
}

func putState(tx *bolt.Tx, key string, stored, value []byte) error {
	if len(value) <= pieceSize {
		return bucket(tx, bucketState).Put([]byte(key), stored)
	}
	b := bucket(tx, bucketPieces)
	b.FillPercent = 1 // pieces are only replaced together
	for n := 0; n*pieceSize < len(value); n++ {
		k := pieceKey(key, n)
		piece := value[n*pieceSize : min((n+1)*pieceSize, len(value))]
		if err := b.Put(k, seal(bucketPieces, k, piece)); err != nil {
			return err
		}
	}
	return bucket(tx, bucketState).Put([]byte(key), stored)
}

// Delete removes a key of local state; one that is not there is no error.
func (tx *Tx) Delete(key string) error {
	return tx.change(func() error { return tx.deleteState(key) })
}

func (tx *Tx) deleteState(key string) error {
	b := bucket(tx.bolt, bucketState)
	stored := b.Get([]byte(key))
	_, whole := unseal(bucketState, []byte(key), stored)
	_, _, pieces := cutHead(stored)
	tx.position.State -= tx.storedStateCost(key)
	tx.note(key, nil)
	if pieces || stored != nil && !whole {
		if err := deletePieces(bucket(tx.bolt, bucketPieces), key); err != nil {
			return err
		}
	}
	return b.Delete([]byte(key))
}

// deletePieces deletes as many as there are, whatever a damaged head says.
func deletePieces(b *bolt.Bucket, key string) error {
	for n := 0; ; n++ {
		k := pieceKey(key, n)
		if b.Get(k) == nil {
			return nil
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
}

// cutHead gives the length of a stored value, and whether it is in pieces, with the sum over them if one is stored. A damaged
// value gives a length in bounds.
func cutHead(stored []byte) (size int, sum *uint64, pieces bool) {
	if (len(stored) != headSize && len(stored) != headSize1) || stored[0] != statePieces {
		return max(0, len(stored)-1-sumSize), nil, false
	}
	if len(stored) == headSize {
		s := binary.BigEndian.Uint64(stored[9:])
		sum = &s
	}
	return int(min(binary.BigEndian.Uint64(stored[1:]), maxValue)), sum, true
}

// storedStateCost is the cost of what is stored under a key, 0 when nothing is.
func (tx *Tx) storedStateCost(key string) int64 {
	stored := bucket(tx.bolt, bucketState).Get([]byte(key))
	if stored == nil {
		return 0
	}
	size, _, _ := cutHead(stored)
	return stateCost(key, size)
}

// stateCost is what a value of local state takes in the file.
func stateCost(key string, size int) int64 {
	cost := elementCost + len(key) + 1 + size
	if size > pieceSize {
		pieces := (size + pieceSize - 1) / pieceSize
		cost += 8 + pieces*(elementCost+len(pieceKey(key, 0)))
	}
	return int64(cost)
}

func pieceKey(key string, n int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(key), 0), uint32(n))
}
