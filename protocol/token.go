package protocol

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/veraison/go-cose"
)

// Token is a grant as its holder carries it in a QR code, signed by the hub: a COSE_Sign1 (RFC 9052) of CWT claims (RFC 8392)
// with Ed25519. A lock that has the hub's public key in its plan checks it with no network.
type Token struct {
	Lock   string // the position whose lock it opens
	Issued int64  // of the grant, Unix milliseconds
	Signed int64  // when the hub signed it, whole seconds in Unix milliseconds: the grant held then. 0, of an older hub: as Issued
	Grant  Grant  // without its code; From and Until are whole seconds
}

// Errors of OpenToken. All wrap ErrMalformed or one of these.
var (
	// ErrUnknownKey: it is signed with a key that the lock does not have (yet).
	ErrUnknownKey = errors.New("signed with an unknown key")
	// ErrSignature: it was not signed by this key, or was changed.
	ErrSignature = errors.New("signature is wrong")
)

const (
	// tokenPrefix begins every token. What follows is base32 (RFC 4648) without padding: capitals and digits take the least room
	// in a QR code, and a reader that types as a keyboard may have lost the capitals.
	tokenPrefix = "MEGURI1:"
	// MaxToken bounds the text of a token.
	MaxToken = 1500
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// claims are those of RFC 8392, section 3.1, and ours, which begin at -70001.
type claims struct {
	Order      string   `cbor:"2,keyasint,omitempty"` // sub
	Lock       string   `cbor:"3,keyasint"`           // aud
	Until      int64    `cbor:"4,keyasint"`           // exp, Unix seconds
	From       int64    `cbor:"5,keyasint"`           // nbf, Unix seconds
	Signed     int64    `cbor:"6,keyasint,omitempty"` // iat, Unix seconds
	Grant      []byte   `cbor:"7,keyasint"`           // cti
	Holder     Holder   `cbor:"-70001,keyasint"`
	Uses       uint32   `cbor:"-70002,keyasint,omitempty"`
	Containers []string `cbor:"-70003,keyasint,omitempty"`
	Elsewhere  []string `cbor:"-70004,keyasint,omitempty"`
	IssuedMS   int64    `cbor:"-70005,keyasint"` // iat has seconds, and grants are compared to the millisecond
}

// KeyID names a public key: the beginning of its SHA-256.
func KeyID(public ed25519.PublicKey) []byte {
	h := sha256.Sum256(public)
	return h[:8]
}

// IsToken says whether the text of a barcode is meant as a token; OpenToken says whether it is a good one.
func IsToken(text string) bool {
	return len(text) >= len(tokenPrefix) && strings.EqualFold(text[:len(tokenPrefix)], tokenPrefix)
}

// SignToken gives the text of a token.
func SignToken(t Token, key ed25519.PrivateKey) (string, error) {
	g := t.Grant
	signed, err := sign1(claims{Order: g.Order, Lock: t.Lock, Until: g.Until / 1000, From: g.From / 1000, Grant: []byte(g.ID),
		Holder: g.Holder, Uses: g.Uses, Containers: g.Containers, Elsewhere: g.Elsewhere, IssuedMS: t.Issued,
		Signed: t.Signed / 1000}, nil, key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	text := tokenPrefix + base32Text.EncodeToString(signed)
	if len(text) > MaxToken {
		return "", fmt.Errorf("sign a token for %s: %d characters, at most %d", g.ID, len(text), MaxToken)
	}
	return text, nil
}

// sign1 signs what is encoded of a value, together with a domain that both sides know; nil for tokens.
func sign1(value any, domain []byte, key ed25519.PrivateKey) ([]byte, error) {
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	if err != nil {
		return nil, err
	}
	payload, err := encMode.Marshal(value)
	if err != nil {
		return nil, err
	}
	protected := cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA,
		cose.HeaderLabelKeyID: KeyID(key.Public().(ed25519.PublicKey))}
	return cose.Sign1(rand.Reader, signer, cose.Headers{Protected: protected}, payload, domain)
}

// OpenToken reads a token that one of the keys has signed. Whether it is valid now is for the caller to say.
func OpenToken(text string, keys [][]byte) (Token, error) {
	if !IsToken(text) || len(text) > MaxToken {
		return Token{}, fmt.Errorf("%w: token: want %s and at most %d characters, not %d", ErrMalformed, tokenPrefix, MaxToken, len(text))
	}
	m, err := sign1Of(text[len(tokenPrefix):])
	if err != nil {
		return Token{}, fmt.Errorf("%w: token: %w", ErrMalformed, err)
	}
	if err := verified(m, nil, keys); err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	var c claims
	if err := decMode.Unmarshal(m.Payload, &c); err != nil {
		return Token{}, fmt.Errorf("%w: token: %w", ErrMalformed, err)
	}
	const most = 1 << 42 // seconds: their milliseconds are a number still
	if c.Lock == "" || len(c.Grant) == 0 || c.From < 0 || c.From > most || c.Signed < 0 || c.Signed > most || c.Until < c.From || c.Until > most {
		return Token{}, fmt.Errorf("%w: token: want a lock, a grant and a window", ErrMalformed)
	}
	return Token{Lock: c.Lock, Issued: c.IssuedMS, Signed: c.Signed * 1000, Grant: Grant{ID: string(c.Grant), Holder: c.Holder, Order: c.Order, From: c.From * 1000,
		Until: c.Until * 1000, Uses: c.Uses, Containers: c.Containers, Elsewhere: c.Elsewhere}}, nil
}

// sign1Of reads the COSE_Sign1 of a text in base32; its signature is not looked at.
func sign1Of(text string) (*cose.Sign1Message, error) {
	signed, err := base32Text.DecodeString(strings.ToUpper(text))
	if err != nil {
		return nil, err
	}
	var m cose.Sign1Message
	return &m, m.UnmarshalCBOR(signed)
}

// verified checks the signature with the key that the token names, and with no other algorithm than ours.
func verified(m *cose.Sign1Message, domain []byte, keys [][]byte) error {
	alg, err := m.Headers.Protected.Algorithm()
	if err != nil || alg != cose.AlgorithmEdDSA {
		return fmt.Errorf("%w: want algorithm EdDSA", ErrMalformed)
	}
	id, _ := m.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	for _, key := range keys {
		if len(key) != ed25519.PublicKeySize || string(KeyID(key)) != string(id) {
			continue
		}
		verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, ed25519.PublicKey(key))
		if err != nil {
			return err
		}
		if err := m.Verify(domain, verifier); err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return nil
	}
	return ErrUnknownKey
}
