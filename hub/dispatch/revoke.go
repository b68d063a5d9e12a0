package dispatch

import "time"

// GrantState is how far a grant has come that was given, and perhaps taken back.
type GrantState string

// States of a grant. Revoking: a lock may still hold it. Revoked: no lock opens for it any more. Used: it was taken back, and a
// lock had opened for it before that lock heard of it; whatever depends on it is for a person to decide.
const (
	GrantActive   GrantState = "active"
	GrantRevoking GrantState = "revoking"
	GrantRevoked  GrantState = "revoked"
	GrantUsed     GrantState = "used"
)

// RevokeEnd is how revoking came to its end.
type RevokeEnd string

// Ends of revoking.
const (
	RevokeOpen      RevokeEnd = ""
	RevokeConfirmed RevokeEnd = "confirmed" // every lock that may have held it has said that it has a plan without it
	RevokeByWindow  RevokeEnd = "window"    // its time is over: no lock opens for it, whatever plan it has
)

// GrantHolder is a life of a device's storage that may hold a grant.
type GrantHolder struct {
	Device      string
	Incarnation string
	ConfirmedAt time.Time // that a plan without the grant is in force; zero before
}

// Revocation is a grant with what is known of its being taken back.
type Revocation struct {
	Grant
	RevokedAt time.Time // zero while the grant stands
	UsedAt    time.Time // its first use that the hub has heard of; zero for none
	End       RevokeEnd
	EndedAt   time.Time     // zero while it is open
	Holders   []GrantHolder // while it is open: who may hold it, of the boards of the location
	Risk      Risk
}

// Risk is a person's word that what depends on a grant need not wait for it; zero where nobody has given it.
type Risk struct {
	By, Reason string
	At         time.Time
}

// State says how far the grant has come.
func (r Revocation) State() GrantState {
	switch {
	case r.RevokedAt.IsZero():
		return GrantActive
	case !r.UsedAt.IsZero():
		return GrantUsed
	case r.End == RevokeOpen:
		return GrantRevoking
	}
	return GrantRevoked
}

// Settle ends the revoking, if it can be said by now: when no device may hold the grant any more, or when its window is over. It says
// whether it did. That a window is over does not say that the grant was not used in it; word of that may come later.
func (r *Revocation) Settle(now time.Time) bool {
	if r.RevokedAt.IsZero() || r.End != RevokeOpen {
		return false
	}
	last := r.RevokedAt
	for _, h := range r.Holders {
		if h.ConfirmedAt.IsZero() {
			if now.Before(r.Until) {
				return false
			}
			r.End, r.EndedAt = RevokeByWindow, r.Until
			if r.Until.Before(r.RevokedAt) { // it was over when it was taken back
				r.EndedAt = r.RevokedAt
			}
			return true
		}
		if h.ConfirmedAt.After(last) {
			last = h.ConfirmedAt
		}
	}
	r.End, r.EndedAt = RevokeConfirmed, last
	return true
}

// MayOpen says whether money that depends on the grant has to wait: it may still open a door, or it has opened one, and nobody has
// taken the risk. A grant that stands keeps nothing waiting.
func (r Revocation) MayOpen() bool {
	s := r.State()
	return (s == GrantRevoking || s == GrantUsed) && r.Risk.By == ""
}

// WaitsFor names the devices that have not confirmed yet.
func (r Revocation) WaitsFor() (devices []string) {
	for _, h := range r.Holders {
		if h.ConfirmedAt.IsZero() && r.End == RevokeOpen && !r.RevokedAt.IsZero() {
			devices = append(devices, h.Device)
		}
	}
	return devices
}
