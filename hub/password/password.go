// Package password hashes passwords with argon2id (RFC 9106), and reads the key of people's secrets. See DESIGN.md.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"meguri/hub/people"
)

// Parameters of argon2id.
type Parameters struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// Default are the first of the parameters that OWASP's Password Storage Cheat Sheet recommends for servers: 19 MiB, two passes, one lane.
var Default = Parameters{MemoryKiB: 19 << 10, Passes: 2, Lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
	// atOnce is how many are hashed at the same time, and waiting how many more of the known, and of strangers, may wait for it: what
	// bounds memory and the time that one login takes. Strangers have one of the places at most: who is known is hashed meanwhile.
	atOnce    = 2
	strangers = 1
	waiting   = 32
)

// Bounds of parameters that are read from the database.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 16
	maxLanes     = 16
)

// Hasher hashes with its parameters. It may be used by several goroutines at once.
type Hasher struct {
	with    Parameters
	nobodys func() string // a hash that nobody has
	working chan struct{}
	known   line
	unknown line
}

// line is where some of those wait who want to be hashed.
type line struct {
	queue chan struct{} // a place for each that is hashed or waits
	first chan struct{} // how many of them may work, or wait to
}

func newLine(atOnce int) line {
	return line{make(chan struct{}, atOnce+waiting), make(chan struct{}, atOnce)}
}

// New makes a hasher.
func New(with Parameters) *Hasher {
	h := &Hasher{with: with, working: make(chan struct{}, atOnce), known: newLine(atOnce), unknown: newLine(strangers)}
	h.nobodys = sync.OnceValue(func() string { return h.with.text(random(), random()) })
	return h
}

// random is bytes that no password has: as a hash, they are nobody's.
func random() []byte {
	b := make([]byte, hashBytes)
	_, _ = rand.Read(b) // never fails, crypto/rand
	return b
}

// Normal composes a password in the one way in which it is hashed (NFC): the same word comes composed from one keyboard and in
// pieces from another.
func (h *Hasher) Normal(password string) string { return norm.NFC.String(password) }

// Hash gives the hash of a normal password in the PHC string format, which says its parameters and salt.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx, h.known)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := random()[:saltBytes]
	return h.with.text(salt, h.with.key(password, salt)), nil
}

// Verify says whether a normal password is that of a hash, and whether the hash is of other parameters than new ones. The empty hash
// is nobody's: it takes as long.
func (h *Hasher) Verify(ctx context.Context, hash, password string, known bool) (right, old bool, err error) {
	if hash == "" {
		hash = h.nobodys()
	}
	of, salt, want, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	among := h.unknown
	if known {
		among = h.known
	}
	leave, err := h.enter(ctx, among)
	if err != nil {
		return false, false, err
	}
	defer leave()
	right = subtle.ConstantTimeCompare(of.key(password, salt), want) == 1
	return right, of != h.with, nil
}

// enter waits for a place among those that are hashed; ErrBusy when there are too many in the line.
func (h *Hasher) enter(ctx context.Context, in line) (leave func(), err error) {
	select {
	case in.queue <- struct{}{}:
	default:
		return nil, people.ErrBusy
	}
	if err := taken(ctx, in.first); err != nil {
		<-in.queue
		return nil, err
	}
	if err := taken(ctx, h.working); err != nil {
		<-in.first
		<-in.queue
		return nil, err
	}
	return func() { <-h.working; <-in.first; <-in.queue }, nil
}

// taken waits for a place.
func taken(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p Parameters) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, p.Passes, p.MemoryKiB, p.Lanes, hashBytes)
}

var encoding = base64.RawStdEncoding

func (p Parameters) text(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.MemoryKiB, p.Passes, p.Lanes,
		encoding.EncodeToString(salt), encoding.EncodeToString(key))
}

// parse reads a hash. What it accepts costs no more than the bounds say.
func parse(hash string) (p Parameters, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, fmt.Errorf("password hash: want $argon2id$v=%d$m=…,t=…,p=…$SALT$KEY", argon2.Version)
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.MemoryKiB, &p.Passes, &p.Lanes); err != nil || n != 3 {
		return p, nil, nil, fmt.Errorf("password hash: parameters %.40q: want m=…,t=…,p=…", parts[3])
	}
	if p.MemoryKiB < 8 || p.MemoryKiB > maxMemoryKiB || p.Passes < 1 || p.Passes > maxPasses || p.Lanes < 1 || p.Lanes > maxLanes {
		return p, nil, nil, fmt.Errorf("password hash: parameters %.40q are out of bounds", parts[3])
	}
	if salt, err = encoding.Strict().DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return p, nil, nil, fmt.Errorf("password hash: salt: want base64 of at least 8 bytes")
	}
	if key, err = encoding.Strict().DecodeString(parts[5]); err != nil || len(key) != hashBytes {
		return p, nil, nil, fmt.Errorf("password hash: key: want base64 of %d bytes", hashBytes)
	}
	return p, salt, key, nil
}
