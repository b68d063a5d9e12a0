package log

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Each value of local state has its checksum, but an old one has that too: a page that never came to the disk, or a flipped bit
// in bbolt's branches, shows what stood there before. So there is a directory of what each key held last, and its own sum is
// in the position. From version 2 on.
const (
	bucketSums = "sums"
	keySums    = "state"

	directoryEntry = 16 // hash of the key 8, of what is stored under it 8
)

// directory says what is stored under each key of local state, both as hashOf.
type directory map[uint64]uint64

func hashOf(b []byte) uint64 {
	h := sha256.Sum256(b)
	return binary.BigEndian.Uint64(h[:])
}

// encode gives the entries in order.
func (d directory) encode() []byte {
	b := make([]byte, 0, len(d)*directoryEntry)
	for _, k := range slices.Sorted(maps.Keys(d)) {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, k), d[k])
	}
	return b
}

func decodeDirectory(content []byte) directory {
	d := directory{}
	for e := range slices.Chunk(content[:len(content)/directoryEntry*directoryEntry], directoryEntry) {
		d[binary.BigEndian.Uint64(e)] = binary.BigEndian.Uint64(e[8:])
	}
	return d
}

// findEntry looks a key up in an encoded directory.
func findEntry(content []byte, key uint64) (sum uint64, ok bool) {
	low, high := 0, len(content)/directoryEntry
	for low < high {
		middle := (low + high) / 2
		e := content[middle*directoryEntry:]
		switch k := binary.BigEndian.Uint64(e); {
		case k == key:
			return binary.BigEndian.Uint64(e[8:]), true
		case k < key:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, false
}

// storedDirectory gives the encoded directory; known is false in a file of version 1.
func storedDirectory(tx *bolt.Tx) (content []byte, known bool) {
	b := tx.Bucket([]byte(bucketSums))
	if b == nil {
		return nil, false
	}
	content, ok := unseal(bucketSums, []byte(keySums), b.Get([]byte(keySums)))
	if !ok {
		panic("directory of local state")
	}
	return content, true
}

// putDirectory stores a directory, and gives the sum over it that belongs into the position.
func putDirectory(tx *bolt.Tx, d directory) (digest uint64, err error) {
	content := d.encode()
	key := []byte(keySums)
	return hashOf(content), bucket(tx, bucketSums).Put(key, seal(bucketSums, key, content))
}

// current says whether what is stored under a key is what was stored last; nil is for nothing.
func (tx *Tx) current(key string, stored []byte) bool {
	k := hashOf([]byte(key))
	var sum uint64
	var ok bool
	if tx.group != nil && tx.group.directory != nil {
		sum, ok = tx.group.directory[k]
	} else {
		content, known := storedDirectory(tx.bolt)
		if !known {
			return true
		}
		sum, ok = findEntry(content, k)
	}
	if stored == nil || !ok {
		return stored == nil && !ok
	}
	return sum == hashOf(stored)
}

// note notes what is stored under a key from now on; nil is for nothing.
func (tx *Tx) note(key string, stored []byte) {
	g := tx.group
	if g.directory == nil {
		content, _ := storedDirectory(tx.bolt)
		g.directory = decodeDirectory(content)
	}
	if stored == nil {
		delete(g.directory, hashOf([]byte(key)))
	} else {
		g.directory[hashOf([]byte(key))] = hashOf(stored)
	}
}

// makeDirectory makes that of a file of version 1, which had none.
func makeDirectory(tx *bolt.Tx) (digest uint64, err error) {
	if _, err := tx.CreateBucketIfNotExists([]byte(bucketSums)); err != nil {
		return 0, err
	}
	d := directory{}
	err = bucket(tx, bucketState).ForEach(func(k, v []byte) error {
		d[hashOf(k)] = hashOf(v)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return putDirectory(tx, d)
}
