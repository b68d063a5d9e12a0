// Package register keeps who persons are apart from what they do: names, addresses, phone numbers and e-mail stand here behind a
// pseudonym, sealed, and everything else on the hub knows only the pseudonym. Whoever looks says why, and that is kept.
package register

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"meguri/hub/people"
)

// Contact is what the register holds about a person.
type Contact struct {
	Name     string `json:"name"`
	Phone    string `json:"phone,omitempty"` // as Normal writes it: digits, with + before those of another country
	Email    string `json:"email,omitempty"`
	Postcode string `json:"postcode,omitempty"`
	Address  string `json:"address,omitempty"`
	Language string `json:"language"` // ja, en
}

// Kinds of persons.
const (
	Customer = "customer" // by pseudonym
	Staff    = "staff"    // by person id
)

const (
	maxName     = 80  // characters
	maxAddress  = 200 // characters
	maxPostcode = 16
	maxEmail    = 254
	maxReason   = 200 // characters
	maxID       = 90
)

// Normal is the contact as it is kept, so that the same phone number is found however it was typed.
func (c Contact) Normal() Contact {
	for _, field := range []*string{&c.Name, &c.Email, &c.Postcode, &c.Address, &c.Language} {
		*field = strings.TrimSpace(*field)
	}
	c.Email = strings.ToLower(c.Email)
	c.Phone = normalPhone(c.Phone)
	if c.Language == "" {
		c.Language = "ja"
	}
	return c
}

// normalPhone leaves digits and a leading +; +81 is the country that needs none.
func normalPhone(text string) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()\u3000\u2010\u2212.", r) {
			return -1
		}
		if '０' <= r && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, text)
	if home, ok := strings.CutPrefix(text, "+81"); ok {
		return "0" + strings.TrimPrefix(home, "0")
	}
	return text
}

// check says what is wrong with a normal contact, as a *people.FieldError.
func (c Contact) check() error {
	for _, f := range []struct {
		name, text string
		least, max int
	}{{"name", c.Name, 1, maxName}, {"address", c.Address, 0, maxAddress}, {"postcode", c.Postcode, 0, maxPostcode}, {"email", c.Email, 0, maxEmail}} {
		n := utf8.RuneCountInString(f.text)
		if n < f.least || n > f.max || !utf8.ValidString(f.text) || strings.ContainsFunc(f.text, unicode.IsControl) {
			return &people.FieldError{Field: f.name, Want: fmt.Sprintf("%d to %d characters, no control characters", f.least, f.max)}
		}
	}
	digits := strings.TrimPrefix(c.Phone, "+")
	switch {
	case c.Phone != "" && (len(digits) < 6 || len(digits) > 15 || strings.Trim(digits, "0123456789") != ""):
		return &people.FieldError{Field: "phone", Want: "6 to 15 digits, or + and the digits of another country"}
	case c.Email != "" && !isEmail(c.Email):
		return &people.FieldError{Field: "email", Want: "NAME@HOST"}
	case c.Language != "ja" && c.Language != "en":
		return &people.FieldError{Field: "language", Want: "ja or en"}
	}
	return nil
}

func isEmail(text string) bool {
	name, host, ok := strings.Cut(text, "@")
	return ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(text, " ,;<>\"") && !strings.Contains(host, "@")
}

// checkID says what is wrong with a pseudonym that somebody else has drawn. One that says who it stands for is none.
func checkID(id string, c Contact) error {
	switch {
	case id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) || strings.ContainsAny(id, "/ @"):
		return &people.FieldError{Field: "customer_id", Want: fmt.Sprintf("1 to %d bytes without spaces, / and @", maxID)}
	case c.Phone != "" && strings.Contains(normalPhone(id), c.Phone), strings.EqualFold(id, c.Name):
		return &people.FieldError{Field: "customer_id", Want: "a random pseudonym: this one says who it stands for"}
	}
	return nil
}

// checkReason says what is wrong with the reason for looking.
func checkReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 3 || n > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
		return "", &people.FieldError{Field: "reason", Want: fmt.Sprintf("why, in 3 to %d characters", maxReason)}
	}
	return reason, nil
}

// Row is a contact as stored.
type Row struct {
	ID       string
	Kind     string
	Revision int64
	Entered  time.Time
	Changed  time.Time
	Sealed   []byte            // empty once erased
	KeyID    string            // of the hub's key that Wrapped is under
	Wrapped  []byte            // the row's own key; nil once erased
	Marks    map[string]string // phone, email: what it is found by
}

// Seal makes the row of a contact, with a key of its own that is drawn anew for each revision.
func Seal(v *people.Vault, id, kind string, revision int64, c Contact, now time.Time) (Row, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return Row{}, err
	}
	key, sealed, err := seal(text, bound(id, revision))
	if err != nil {
		return Row{}, err
	}
	r := Row{ID: id, Kind: kind, Revision: revision, Entered: now, Changed: now, Sealed: sealed}
	r.wrap(v, key, c)
	return r, nil
}

// wrap puts the row's key under the newest of the hub's keys, and its marks with it.
func (r *Row) wrap(v *people.Vault, key []byte, c Contact) {
	r.KeyID, r.Wrapped, r.Marks = v.KeyID(), v.Seal(key, "contact "+r.ID), map[string]string{}
	for kind, value := range map[string]string{"phone": c.Phone, "email": c.Email} {
		if value != "" {
			r.Marks[kind] = v.Lookups(kind, value)[0]
		}
	}
}

// Open gives the contact of a row; ErrErased when its key is gone, people.ErrSealed when the hub's key is another.
func (r Row) Open(v *people.Vault) (Contact, error) {
	c, _, err := r.open(v)
	return c, err
}

func (r Row) open(v *people.Vault) (c Contact, key []byte, err error) {
	if len(r.Wrapped) == 0 {
		return c, nil, ErrErased
	}
	if key, err = v.Open(r.Wrapped, "contact "+r.ID); err != nil {
		return c, nil, err
	}
	text, err := unseal(key, r.Sealed, bound(r.ID, r.Revision))
	if err != nil {
		return c, nil, err
	}
	return c, key, json.Unmarshal(text, &c)
}

// Rewrap puts the row's key under the newest of the hub's keys; what it seals stays as it is.
func (r Row) Rewrap(v *people.Vault) (Row, error) {
	c, key, err := r.open(v)
	if err == nil {
		r.wrap(v, key, c)
	}
	return r, err
}

// seal seals a text for where it belongs, with a key of its own that is drawn for it.
func seal(text, bound []byte) (key, sealed []byte, err error) {
	key = make([]byte, people.VaultKey)
	_, _ = rand.Read(key) // never fails, crypto/rand
	aead, err := rowCipher(key)
	if err != nil {
		return nil, nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	return key, aead.Seal(nonce, nonce, text, bound), nil
}

// unseal is people.ErrSealed for what was sealed with another key, for elsewhere, or was altered.
func unseal(key, sealed, bound []byte) ([]byte, error) {
	aead, err := rowCipher(key)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, people.ErrSealed
	}
	text, err := aead.Open(nil, sealed[:n], sealed[n:], bound)
	if err != nil {
		return nil, people.ErrSealed
	}
	return text, nil
}

func rowCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what a sealed contact belongs to: it opens in no other row, and not in a later revision's place.
func bound(id string, revision int64) []byte {
	return slices.Concat([]byte("contact "), []byte(id), []byte{0}, strconv.AppendInt(nil, revision, 10))
}
