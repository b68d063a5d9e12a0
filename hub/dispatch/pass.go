package dispatch

import (
	"fmt"
	"strings"
	"time"
)

// Kinds of holder of a Pass; a courier's is one, too.
const (
	Shop     Holder = "shop"
	Staff    Holder = "staff"
	Engineer Holder = "engineer"
)

// Pass is a right to open doors of a place that follows from no order and no run: somebody issues it, by name and for a reason.
type Pass struct {
	ID        string
	PlaceID   string // a location, or a collection spot
	FridgeID  string // empty: each door of the place
	Holder    Holder
	ShopID    string // of a shop
	Date      string // of a shop, made by the clock: for which delivery date; else empty
	Name      string // who it is for
	Reason    string
	PIN       string // empty: it has a token only
	Uses      uint32 // of each door; 0: as often as needed
	From      time.Time
	Until     time.Time // exclusive
	IssuedAt  time.Time
	RevokedAt time.Time // zero: it was not
}

// PassLimit bounds the passes of a kind of person.
type PassLimit struct {
	Window time.Duration // at most so long
	Uses   uint32        // at most so many of each door, and at least one; 0: they are not counted
}

// PassLimits are what may be issued: a code that leaks, or a telephone that is lost, does no more than that.
func PassLimits() map[Holder]PassLimit {
	return map[Holder]PassLimit{Courier: {72 * time.Hour, CourierUses}, Staff: {24 * time.Hour, 20}, Engineer: {24 * time.Hour, 10},
		Shop: {31 * 24 * time.Hour, 0}}
}

// MostPlanAge is how long a lock that is cut off may be told to honour anything after it last heard that it holds.
const MostPlanAge = 31 * 24 * time.Hour

// Check says what is wrong with a pass that somebody wants to issue.
func (p Pass) Check() error {
	limit, ok := PassLimits()[p.Holder]
	switch {
	case !ok:
		return fmt.Errorf("holder %q: want courier, shop, staff or engineer", p.Holder)
	case strings.TrimSpace(p.Name) == "" || len(p.Name) > 100:
		return fmt.Errorf("name: who it is for, in 1 to 100 bytes")
	case strings.TrimSpace(p.Reason) == "" || len(p.Reason) > 200:
		return fmt.Errorf("reason: want one of 1 to 200 bytes")
	case !p.Until.After(p.From) || p.Until.Sub(p.From) > limit.Window:
		return fmt.Errorf("window of %v: want more than 0s and at most %v for a %s", p.Until.Sub(p.From), limit.Window, p.Holder)
	case limit.Uses == 0 && p.Uses != 0:
		return fmt.Errorf("uses: those of a %s are not counted", p.Holder)
	case limit.Uses > 0 && (p.Uses == 0 || p.Uses > limit.Uses):
		return fmt.Errorf("uses %d: want 1 to %d for a %s", p.Uses, limit.Uses, p.Holder)
	}
	return nil
}
