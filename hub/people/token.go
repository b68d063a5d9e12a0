package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// newToken draws the secret of a link or a session: 256 bits as 43 characters that need no escaping in a URL.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken is what is stored of a secret. The secret is random, so a plain hash is as good as a slow one.
func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// NewID draws an id with 80 random bits: PREFIX-xxxxxxxxxxxxxxxx.
func NewID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return prefix + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
