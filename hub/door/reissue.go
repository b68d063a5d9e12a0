package door

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// Reissued is what was issued anew.
type Reissued struct {
	Place  string
	Orders []string         // whose customers have other codes
	Codes  []dispatch.Grant // drivers'; their sheets have a new version
	Others []string         // places whose devices need another plan, too
}

// Reissue gives new codes, with the same windows, in the place of those of a location that are valid now or later and that which is for;
// the former ones are taken back. Drivers find theirs on their sheets, and somebody has to tell those who have it on paper; customers are
// told.
func Reissue(ctx context.Context, tx *store.Tx, location string, which func(dispatch.Grant) bool, act Act) (r Reissued, err error) {
	r.Place = location
	grants, err := tx.GrantsAfter(ctx, location, act.At)
	if err != nil {
		return r, err
	}
	issued, err := tx.NewestGrant(ctx, location)
	if err != nil {
		return r, err
	}
	if issued = issued.Add(time.Millisecond); issued.Before(act.At) { // a plan that knows of the former ones does not know of these
		issued = act.At
	}
	papers := map[string]*store.Papers{} // by date
	for _, g := range grants {
		if !which(g) {
			continue
		}
		taken, err := tx.CodesTaken(ctx, g.DeliveryDate, location)
		if err != nil {
			return r, err
		}
		anew := g.Again(dispatch.DrawPIN(taken), issued)
		if err := tx.ReissueGrant(ctx, g.ID, anew, act.At); err != nil {
			return r, err
		}
		if g.Holder == dispatch.Customer {
			r.Orders = append(r.Orders, g.OrderID)
			err = tx.AddNotice(ctx, store.Notice{OrderID: g.OrderID, Kind: store.NoticeNewCode, MadeAt: act.At,
				Parameters: store.NoticeParameters{Reason: alarm.Said(act.Reason)}})
		} else {
			if papers[g.DeliveryDate] == nil {
				papers[g.DeliveryDate] = &store.Papers{}
			}
			papers[g.DeliveryDate].Runs = append(papers[g.DeliveryDate].Runs, g.RunID)
			r.Codes = append(r.Codes, anew)
			err = tx.OpenWork(ctx, "grant_reissued/"+anew.ID, "grant_reissued", anew.RunID,
				act.Reason+", and the driver's code there is another one: hand out the sheet again", act.At)
		}
		if err != nil {
			return r, err
		}
	}
	for date, of := range papers {
		if _, err := tx.MakeEditions(ctx, date, of, act.By, act.Reason, act.At); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Forgotten issues anew what a station's lock has counted, whose storage has begun anew: by its new plan each could be used as often once
// more. It is told by the link, in the transaction of the lock's hello; other devices count nothing.
func Forgotten(ctx context.Context, tx *store.Tx, d fleet.Device, now time.Time) error {
	if d.Role != fleet.Station {
		return nil
	}
	act := Act{By: byHub, At: now, Reason: "the lock at " + d.Place + " has lost its storage"}
	r, err := ReissueCounted(ctx, tx, d.Place, act)
	if err != nil {
		return err
	}
	return act.record(ctx, tx, "device.forgotten", d.ID, plural.Of(len(r.Codes), "code")+" issued anew:")
}

// byHub is whose act it is when the hub does something by itself.
const byHub = "hub"

// ReissueCounted gives new codes in the place of those of which only a location's lock knew how often they were used, and ends passes of
// that kind.
func ReissueCounted(ctx context.Context, tx *store.Tx, location string, act Act) (r Reissued, err error) {
	counted := func(p dispatch.Pass) bool { return p.Uses > 0 }
	if err := RevokePasses(ctx, tx, location, counted, act.At, act.Reason+", and nobody knows how often it was used"); err != nil {
		return r, err
	}
	return Reissue(ctx, tx, location, dispatch.Grant.Counted, act)
}

func every(dispatch.Grant) bool { return true }

// WorkBoardStolen is work: a station has no board that anybody trusts.
const WorkBoardStolen = "board_stolen"

// Stolen shuts out a board that was stolen, and gives everybody who has a code of its location another one: whoever has the board can
// find the former ones out in time (edge/DESIGN.md). now is the machine's time, by which devices are added and shut out.
//
// Expected errors are *FieldError, fleet.ErrUnknownDevice, and fleet.ErrStolen when it was said before.
func (s *Service) Stolen(ctx context.Context, device string, act Act, now time.Time) (r Reissued, err error) {
	if err := act.check(); err != nil {
		return r, err
	}
	err = s.Store.Change(ctx, func(tx *store.Tx) error {
		d, err := tx.Device(ctx, device)
		if err != nil {
			return err
		}
		if !d.Revoked() {
			if err := tx.RevokeDevice(ctx, device, now); err != nil {
				return err
			}
		}
		if noted, err := tx.NoteStolen(ctx, device, now); err != nil || !noted {
			if err == nil {
				err = fmt.Errorf("device %s: %w", device, fleet.ErrStolen)
			}
			return err
		}
		r = Reissued{Place: d.Place}
		if d.Role == fleet.Station {
			why := act
			why.Reason = "a lock's board at " + d.Place + " was stolen"
			if r, err = Reissue(ctx, tx, d.Place, every, why); err != nil {
				return err
			}
			all := func(dispatch.Pass) bool { return true }
			if err := RevokePasses(ctx, tx, d.Place, all, act.At, "a lock's board was stolen"); err != nil {
				return err
			}
			if err := tx.OpenWork(ctx, WorkBoardStolen+"/"+device, WorkBoardStolen, device, fmt.Sprintf(
				"%d customers and %d drivers have other codes: put another board in its place (hub device replace)", len(r.Orders), len(r.Codes)),
				act.At); err != nil {
				return err
			}
		}
		if r.Others, err = tx.StationsKnowing(ctx, d); err != nil { // what it signs is to count nowhere from now on
			return err
		}
		for _, place := range append(r.Others, d.Place) {
			s.touch(tx, place)
		}
		return act.record(ctx, tx, "device.stolen", device, fmt.Sprintf("%d customers' and %d drivers' codes issued anew:", len(r.Orders), len(r.Codes)))
	})
	return r, err
}

// RevokePasses ends passes for a place, and has somebody issue those again that are still needed.
func RevokePasses(ctx context.Context, tx *store.Tx, place string, which func(dispatch.Pass) bool, at time.Time, why string) error {
	passes, err := tx.PassesAt(ctx, place, at)
	if err != nil {
		return err
	}
	for _, p := range passes {
		if !which(p) {
			continue
		}
		if _, err := tx.RevokePass(ctx, p.ID, at); err != nil {
			return err
		}
		if err := tx.OpenWork(ctx, "pass_revoked/"+p.ID, "pass_revoked", p.ID, fmt.Sprintf("pass %s for %s (%s) has ended: %s; issue another one",
			p.ID, place, p.Holder, why), at); err != nil {
			return err
		}
	}
	return nil
}
