// Package audit holds the rules of the audit trail: what bytes an entry and a signed head are hashed from, and how a trail is checked.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Hash is SHA-256 over the bytes that an entry or a head stands for.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String, for JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return hex.ErrLength
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Entry is one act in its chain: who did what to what, when, before and after. Persons are pseudonyms.
type Entry struct {
	Chain   string    `json:"chain"` // one for each program that writes; empty for an act that is older than the audit trail
	Number  uint64    `json:"number"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"` // to the millisecond
	Person  string    `json:"person"`
	Act     string    `json:"act"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail,omitempty"`
	Before  string    `json:"before,omitempty"`
	After   string    `json:"after,omitempty"`
	Signed  string    `json:"signed,omitempty"` // how the person confirmed it; empty where nobody has to
	Hash    Hash      `json:"hash"`
}

// Place names an entry for people: its chain and number in it.
func (e Entry) Place() Place { return Place{e.Chain, e.Number} }

// Digest is the hash that an entry has when the one before it has the hash previous; zero for the first of a chain.
func (e Entry) Digest(previous Hash) Hash {
	b := head(make([]byte, 0, 256), arrayOf, 13)
	b = text(b, "meguri-audit-1")
	b = text(b, e.Chain)
	b = head(b, unsigned, e.Number)
	b = text(b, e.ID)
	b = head(b, unsigned, uint64(max(0, e.At.UnixMilli())))
	for _, s := range []string{e.Person, e.Act, e.Subject, e.Detail, e.Before, e.After, e.Signed} {
		b = text(b, s)
	}
	return sha256.Sum256(bytesOf(b, previous[:]))
}

// Tip is the last entry of a chain as a head saw it.
type Tip struct {
	Chain  string `json:"chain"`
	Number uint64 `json:"number"`
	Hash   Hash   `json:"hash"`
}

// Head is what the hub signs from time to time: how far the chains have come. Whoever cuts off what it has seen has to forge it.
type Head struct {
	Number      uint64    `json:"number"` // from 1
	At          time.Time `json:"at"`
	Older       uint64    `json:"older"` // acts from before the audit trail, which have no chain
	Tips        []Tip     `json:"tips"`  // of the chains that have grown since the head before, by chain
	Hash        Hash      `json:"hash"`
	Certificate []byte    `json:"certificate"` // of the key that signed, DER
	Signature   []byte    `json:"signature"`   // over Hash, ECDSA in ASN.1
}

// Digest is the hash that a head has when the one before it has the hash previous; zero for the first.
func (h Head) Digest(previous Hash) Hash {
	b := head(nil, arrayOf, 6)
	b = text(b, "meguri-audit-head-1")
	b = head(b, unsigned, h.Number)
	b = head(b, unsigned, uint64(max(0, h.At.UnixMilli())))
	b = head(b, unsigned, h.Older)
	b = head(b, arrayOf, uint64(len(h.Tips)))
	for _, t := range h.Tips {
		b = head(b, arrayOf, 3)
		b = text(b, t.Chain)
		b = head(b, unsigned, t.Number)
		b = bytesOf(b, t.Hash[:])
	}
	return sha256.Sum256(bytesOf(b, previous[:]))
}

// The few forms of deterministic CBOR (RFC 8949, 4.2) that are needed, so that rules need no library.
const (
	unsigned = 0
	octets   = 2
	textual  = 3
	arrayOf  = 4
)

// head is the first bytes of an item: its major type, and its value or length in as few bytes as it takes.
func head(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return append(b, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func text(b []byte, s string) []byte { return append(head(b, textual, uint64(len(s))), s...) }

func bytesOf(b, s []byte) []byte { return append(head(b, octets, uint64(len(s))), s...) }

// Clean is a text as every database keeps it: what is no UTF-8, and the character 0, would come back otherwise or not at all, and the
// hash with it.
func Clean(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?") }
