package people

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// VaultKey is the length of a vault's key in bytes.
const VaultKey = 32

// ErrSealed is returned for what was sealed with another key, or was altered.
var ErrSealed = errors.New("sealed with another key than this hub's, or altered: put the key of the hub that made it back, or reset the person")

// ErrNoKey is returned by a hub without the key of people's secrets, for what needs it.
var ErrNoKey = errors.New("the key of people's secrets is not there: no codes of authenticators are taken, and none enrolled; a recovery code lets you in")

// Vault seals secrets with a key that is not in the database (AES-256-GCM), and marks browsers.
type Vault struct {
	aead  cipher.AEAD
	marks []byte // key of marks

	challenges []byte // key of challenges
}

// NewVault makes a vault of a key of VaultKey random bytes.
func NewVault(key []byte) (*Vault, error) {
	if len(key) != VaultKey {
		return nil, fmt.Errorf("key of %d bytes: want %d", len(key), VaultKey)
	}
	block, err := aes.NewCipher(derived(key, "seal"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Vault{aead, derived(key, "marks"), derived(key, "challenges")}, err
}

func derived(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("meguri people " + purpose))
	return m.Sum(nil)
}

// Seal makes of a secret what only the same key opens, and only for whom it was sealed.
func (v *Vault) Seal(secret []byte, whom string) []byte {
	nonce := make([]byte, v.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, crypto/rand
	return v.aead.Seal(nonce, nonce, secret, []byte(whom))
}

// Open gives the secret back; ErrSealed when it cannot.
func (v *Vault) Open(sealed []byte, whom string) ([]byte, error) {
	if len(sealed) < v.aead.NonceSize() {
		return nil, ErrSealed
	}
	secret, err := v.aead.Open(nil, sealed[:v.aead.NonceSize()], sealed[v.aead.NonceSize():], []byte(whom))
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}

// mark gives what a browser that has logged in to an account keeps, to be known again. It lets nobody in.
func (v *Vault) mark(login string) string {
	if v == nil {
		return ""
	}
	nonce := NewID("d")
	return nonce + "." + v.tag(nonce, login)
}

// marked gives what tells the browser from others, empty for one that was never logged in to the account.
func (v *Vault) marked(mark, login string) string {
	nonce, tag, ok := strings.Cut(mark, ".")
	if !ok || v == nil || len(mark) > 200 || !hmac.Equal([]byte(tag), []byte(v.tag(nonce, login))) {
		return ""
	}
	return nonce
}

func (v *Vault) tag(nonce, login string) string {
	m := hmac.New(sha256.New, v.marks)
	m.Write([]byte(nonce + "\x00" + login))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}
