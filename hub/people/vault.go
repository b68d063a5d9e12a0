package people

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// VaultKey is the length of a vault's key in bytes.
const VaultKey = 32

// ErrSealed is returned for what was sealed with another key, or was altered.
var ErrSealed = errors.New("sealed with another key than this hub's, or altered: put the key of the hub that made it back, or reset the person")

// ErrOtherKey is returned where all that is sealed in a database is sealed with other keys than the hub's.
var ErrOtherKey = errors.New("names and contacts are sealed with another key than this one: give the hub's key (people.key beside its other keys, --people-key-file or MEGURI_PEOPLE_KEY). If it is lost for good, say so by --lost-key")

// ErrNoKey is returned by a hub without the key of people's secrets, for what needs it.
var ErrNoKey = errors.New("the key of people's secrets is not there: no codes of authenticators are taken, and none enrolled; a recovery code lets you in")

// Vault seals secrets with keys that are not in the database (AES-256-GCM), and marks browsers. It has one key, or several while they
// are changed: the first seals, any opens.
type Vault struct{ keys []vaultKey }

type vaultKey struct {
	id            string // names the key and says nothing of it
	aead          cipher.AEAD
	marks, lookup []byte // keys of marks, and of what somebody is found by
	challenges    []byte // key of challenges
	staging       []byte // key of what is invented for copies
}

// NewVault makes a vault of keys of VaultKey random bytes, the newest first.
func NewVault(keys ...[]byte) (*Vault, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key: want %d bytes", VaultKey)
	}
	v := &Vault{}
	for _, key := range keys {
		if len(key) != VaultKey {
			return nil, fmt.Errorf("key of %d bytes: want %d", len(key), VaultKey)
		}
		block, err := aes.NewCipher(derived(key, "seal"))
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, vaultKey{hex.EncodeToString(derived(key, "id")[:8]), aead, derived(key, "marks"), derived(key, "lookup"), derived(key, "challenges"), derived(key, "staging")})
	}
	return v, nil
}

func derived(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("meguri people " + purpose))
	return m.Sum(nil)
}

// KeyID names the key that seals.
func (v *Vault) KeyID() string { return v.keys[0].id }

// OldKeyIDs names the keys that only open, the newest first.
func (v *Vault) OldKeyIDs() []string {
	var all []string
	for _, k := range v.keys[1:] {
		all = append(all, k.id)
	}
	return all
}

// Has says whether the vault has the key of a name, to open what it has sealed.
func (v *Vault) Has(keyID string) bool {
	return slices.ContainsFunc(v.keys, func(k vaultKey) bool { return k.id == keyID })
}

// Staging is the key of what is invented for a copy for development, by a seed: who has the copy has neither this nor the vault's.
func (v *Vault) Staging(seed string) []byte {
	m := hmac.New(sha256.New, v.keys[0].staging)
	m.Write([]byte("staging " + seed))
	return m.Sum(nil)
}

// Seal makes of a secret what only the same key opens, and only for whom it was sealed.
func (v *Vault) Seal(secret []byte, whom string) []byte {
	aead := v.keys[0].aead
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, crypto/rand
	return aead.Seal(nonce, nonce, secret, []byte(whom))
}

// Open gives the secret back; ErrSealed when it cannot.
func (v *Vault) Open(sealed []byte, whom string) ([]byte, error) {
	for _, k := range v.keys {
		if n := k.aead.NonceSize(); len(sealed) >= n {
			if secret, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(whom)); err == nil {
				return secret, nil
			}
		}
	}
	return nil, ErrSealed
}

// Lookups are keyed hashes of a value that somebody is found by, one for each key, the one of the newest first: who was entered under
// an older key is found until all are under the newest. Nobody without a key can make one of a value, or try values.
func (v *Vault) Lookups(kind, value string) []string {
	var all []string
	for _, k := range v.keys {
		m := hmac.New(sha256.New, k.lookup)
		m.Write([]byte(kind + "\x00" + value))
		all = append(all, base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18]))
	}
	return all
}

// mark gives what a browser that has logged in to an account keeps, to be known again. It lets nobody in.
func (v *Vault) mark(login string) string {
	if v == nil {
		return ""
	}
	nonce := NewID("d")
	return nonce + "." + v.keys[0].tag(nonce, login)
}

// marked gives what tells the browser from others, empty for one that was never logged in to the account.
func (v *Vault) marked(mark, login string) string {
	nonce, tag, ok := strings.Cut(mark, ".")
	if !ok || v == nil || len(mark) > 200 {
		return ""
	}
	for _, k := range v.keys {
		if hmac.Equal([]byte(tag), []byte(k.tag(nonce, login))) {
			return nonce
		}
	}
	return ""
}

func (k vaultKey) tag(nonce, login string) string {
	m := hmac.New(sha256.New, k.marks)
	m.Write([]byte(nonce + "\x00" + login))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}
