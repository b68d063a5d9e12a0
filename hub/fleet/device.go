// Package fleet holds the rules about devices: who they are, which incarnation counts, which records of their logs are new,
// when something happened, whether they are there, and what plans and commands are still owed to them.
package fleet

import (
	"errors"
	"fmt"
	"time"
)

// Errors about a device.
var (
	ErrUnknownDevice = errors.New("unknown device")
	ErrRevoked       = errors.New("the device is revoked")
	ErrDeviceExists  = errors.New("a device of this id exists already")
	ErrReplaced      = errors.New("the device was replaced already")
	ErrStolen        = errors.New("the device was reported stolen already")
)

// Role is what a device does.
type Role string

// Roles of a device. A station is the fridges and locks of one location.
const (
	Station Role = "station"
	Shipper Role = "shipper"
	Scanner Role = "scanner"
	Driver  Role = "driver"
)

// ParseRole reads a role.
func ParseRole(text string) (Role, error) {
	switch r := Role(text); r {
	case Station, Shipper, Scanner, Driver:
		return r, nil
	}
	return "", fmt.Errorf("role %q: want %s, %s, %s or %s", text, Station, Shipper, Scanner, Driver)
}

// Device is a board, and what the hub knows of it.
type Device struct {
	ID        string
	Place     string // the location, shop, shipper or route that it serves
	Role      Role
	AddedAt   time.Time
	AddedBy   string
	RevokedAt time.Time // zero while it is not

	Incarnation    string // the current one; empty before the first hello
	Boot, Session  uint64 // of the newest hello of the current incarnation
	Software       string
	Online         bool
	PresenceKnown  bool      // heard since the hub listens; else nobody has noticed it coming or going
	SeenAt         time.Time // zero before the first hello
	PlanSent       uint64    // newest version made
	PlanActive     uint64    // that the current incarnation has in force; 0 for none
	CommandCounter uint64    // of the newest command
	Revision       uint64    // of the protocol that it spoke last
}

// Revoked says whether the device is shut out.
func (d Device) Revoked() bool { return !d.RevokedAt.IsZero() }

// Greeting is what a device says of itself on each connection.
type Greeting struct {
	Incarnation    string
	Boot, Session  uint64 // rise with each power-on, and with each connection within it
	Software       string
	Revision       uint64 // of the protocol that it speaks
	Plan           uint64 // version in force
	CommandCounter uint64
}

// Greet takes a greeting. An incarnation that was not known before becomes the current one, and a former one stays what it
// is. Plan versions and command counters never fall behind what the device has seen: after a restored backup the next are
// above it.
func (d Device) Greet(g Greeting, known bool, now time.Time) Device {
	if !known {
		d.Incarnation, d.Boot, d.Session, d.PlanActive = g.Incarnation, 0, 0, 0
	}
	d.PlanSent = max(d.PlanSent, g.Plan)
	d.CommandCounter = max(d.CommandCounter, g.CommandCounter)
	if g.Incarnation != d.Incarnation || older(g.Boot, g.Session, d) {
		return d
	}
	if g.Boot == d.Boot && g.Session == d.Session {
		g.Plan = max(g.Plan, d.PlanActive) // said again: it may have been written before the plan came into force
	}
	d.Boot, d.Session, d.Software, d.Revision, d.PlanActive = g.Boot, g.Session, g.Software, g.Revision, g.Plan
	return d.Hear(g.Incarnation, now)
}

// Hear notes that something arrived from the current incarnation. The log of a board that is shut out may still be drained by
// hand; that makes it no more present.
func (d Device) Hear(incarnation string, now time.Time) Device {
	if incarnation == d.Incarnation && !d.Revoked() {
		d.Online, d.PresenceKnown, d.SeenAt = true, true, now
	}
	return d
}

// Activate notes that a plan is in force. An older one does not come back, and versions to come are above it.
func (d Device) Activate(incarnation string, plan uint64) Device {
	d.PlanSent = max(d.PlanSent, plan)
	if incarnation == d.Incarnation {
		d.PlanActive = max(d.PlanActive, plan)
	}
	return d
}

// Leave takes a will: that of the newest session, or one so new that its hello has not come, ends the presence. That of an
// older session says nothing.
func (d Device) Leave(incarnation string, boot, session uint64) Device {
	if incarnation == d.Incarnation && !older(boot, session, d) {
		d.Online, d.PresenceKnown = false, true
	}
	return d
}

// Life is one life of a device's storage, as the hub has heard of it. Of several the one that was heard of first most recently
// is the current one, for good: an older one never comes back, so that two storages that live under one id cannot take the
// place of each other in turns.
type Life struct {
	Incarnation   string
	Parent        string // the incarnation that it goes on from; empty for none
	FirstHeardAt  time.Time
	HeardAt       time.Time // newest hello
	Boot, Session uint64    // of it
	SupersededAt  time.Time // zero while it is the current one
}

// Rival says whether a hello shows that this life goes on beside the one that superseded it: it is of a newer session than any
// before. A hello that was only late is of an old one.
func (l Life) Rival(g Greeting) bool {
	return !l.SupersededAt.IsZero() && (g.Boot > l.Boot || g.Boot == l.Boot && g.Session > l.Session)
}

// Greet takes a hello of this life.
func (l Life) Greet(g Greeting, now time.Time) Life {
	if g.Boot > l.Boot || g.Boot == l.Boot && g.Session >= l.Session {
		l.Boot, l.Session, l.HeardAt = g.Boot, g.Session, now
	}
	return l
}

func older(boot, session uint64, d Device) bool {
	return boot < d.Boot || boot == d.Boot && session < d.Session
}

// Presence is whether a device is there.
type Presence string

// Presences. Unknown: not heard of since the hub began to listen, so that nobody has noticed it coming or going.
const (
	Online  Presence = "online"
	Offline Presence = "offline"
	Unknown Presence = "unknown"
)

// Presence says whether the device is there.
func (d Device) Presence() Presence {
	switch {
	case !d.PresenceKnown:
		return Unknown
	case d.Online:
		return Online
	}
	return Offline
}
