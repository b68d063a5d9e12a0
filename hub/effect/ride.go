package effect

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// signingKey keeps the key with which a shipper signs, and has the stations that its goods go to know it when it is another one: each boot says it.
func (e *Effects) signingKey(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.SigningKey) error {
	switch {
	case ev.Role != plan.RoleShipper:
		return &link.NotApplied{Reason: fmt.Sprintf("device serves %s %s, only a shipper makes statements", ev.Role, ev.Place)}
	case len(b.Public) != ed25519.PublicKeySize:
		return &link.NotApplied{Reason: fmt.Sprintf("a public key of %d bytes, want %d", len(b.Public), ed25519.PublicKeySize)}
	}
	changed, err := tx.SaveSigningKey(ctx, ev.Device, b.Public, ev.Received)
	if err != nil || !changed {
		return err
	}
	stations, err := tx.StationsOf(ctx, ev.Place)
	e.touched(tx, stations...)
	return err
}

// rideJudged keeps what a station knew of the way of goods when they were handed in, and lets go what it has let go.
func (e *Effects) rideJudged(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.RideJudged) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if ev.Role != plan.RoleStation || ev.Place != c.LocationID || c.FridgeID != b.Position {
		return &link.NotApplied{Reason: fmt.Sprintf("container %s is for fridge %s at %s, device serves %s %s", c.ID, c.FridgeID, c.LocationID, ev.Role, ev.Place)}
	}
	outcome, known := store.RideOutcomes[b.Outcome]
	if !known {
		return &link.NotApplied{Reason: fmt.Sprintf("outcome %d of a ride is unknown", b.Outcome)}
	}
	r := store.RideJudged{Device: ev.Device, Incarnation: ev.Incarnation.String(), Number: ev.Number, Container: c.ID, Shipper: b.Shipper, At: ev.At,
		Outcome: outcome, Outside: time.Duration(b.OutsideMS) * time.Millisecond, Gap: time.Duration(b.GapMS) * time.Millisecond, MilliC: b.MilliC}
	if b.Until != 0 {
		r.From, r.Until = time.UnixMilli(b.From), time.UnixMilli(b.Until)
	}
	if err := tx.SaveRideJudged(ctx, r); err != nil || b.Freed == 0 || e.Freed == nil {
		return err
	}
	return e.Freed(ctx, tx, c.ID, b.Freed, "the statement of shipper "+b.Shipper+" came", ev.Received)
}
