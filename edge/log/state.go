package log

import (
	"encoding/binary"
	"fmt"
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
	statePieces = 1 // then the value's length, 8 bytes; it stands in the bucket of pieces
)

// Get gives the value of a key of local state, nil when there is none. A damaged value is a *DamagedError.
func (tx *Tx) Get(key string) ([]byte, error) {
	var value []byte
	err := guard(func() error {
		stored := bucket(tx.bolt, bucketState).Get([]byte(key))
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
	size, pieces := stateSize(stored)
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
	return value, len(value) == size
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
		return putState(tx.bolt, key, value)
	})
}

func putState(tx *bolt.Tx, key string, value []byte) error {
	whole := bucket(tx, bucketState)
	if len(value) <= pieceSize {
		return whole.Put([]byte(key), seal(bucketState, []byte(key), []byte{stateWhole}, value))
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
	head := binary.BigEndian.AppendUint64([]byte{statePieces}, uint64(len(value)))
	return whole.Put([]byte(key), seal(bucketState, []byte(key), head))
}

// Delete removes a key of local state; one that is not there is no error.
func (tx *Tx) Delete(key string) error {
	return tx.change(func() error { return tx.deleteState(key) })
}

func (tx *Tx) deleteState(key string) error {
	b := bucket(tx.bolt, bucketState)
	size, pieces := stateSize(b.Get([]byte(key)))
	tx.position.State -= tx.storedStateCost(key)
	for n := 0; pieces && n*pieceSize < size; n++ {
		if err := bucket(tx.bolt, bucketPieces).Delete(pieceKey(key, n)); err != nil {
			return err
		}
	}
	return b.Delete([]byte(key))
}

// stateSize is the length of a stored value, and whether it is in pieces. A damaged value gives a length in bounds.
func stateSize(stored []byte) (size int, pieces bool) {
	const head = 1 + 8 + sumSize
	if len(stored) == head && stored[0] == statePieces {
		return int(min(binary.BigEndian.Uint64(stored[1:]), maxValue)), true
	}
	return max(0, len(stored)-1-sumSize), false
}

// storedStateCost is the cost of what is stored under a key, 0 when nothing is.
func (tx *Tx) storedStateCost(key string) int64 {
	stored := bucket(tx.bolt, bucketState).Get([]byte(key))
	if stored == nil {
		return 0
	}
	size, _ := stateSize(stored)
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
