package fleet

import (
	"errors"
	"time"
)

// ErrNoRenewal says that a device has no new certificate that could take the place of its current one.
var ErrNoRenewal = errors.New("the device has no new certificate")

// Certificate is one that was issued to a device.
type Certificate struct {
	Device      string
	Fingerprint string // SHA-256, hexadecimal
	Serial      string // hexadecimal
	IssuedAt    time.Time
	EndsAt      time.Time
	RevokedAt   time.Time // zero while it is not: replaced, or its device is shut out
}

// Credentials are the certificates by which a device may log in. There are two while a renewal is under way: the current one
// until the new one is used for the first time, then the new one only. So a renewal shuts nobody out, however long it takes.
type Credentials struct {
	Current, Next string // fingerprints; empty for none
	Revoked       bool   // the device is shut out
}

// Admission is what becomes of a login.
type Admission int

// Admissions. Renewed: the new certificate is used for the first time, and from now on is the only one.
const (
	Refused Admission = iota
	Admitted
	Renewed
)

// Judge says whether a certificate lets its device in.
func (c Credentials) Judge(fingerprint string) Admission {
	switch {
	case c.Revoked || fingerprint == "":
		return Refused
	case fingerprint == c.Current:
		return Admitted
	case fingerprint == c.Next:
		return Renewed
	}
	return Refused
}
