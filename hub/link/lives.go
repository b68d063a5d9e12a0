package link

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// begin takes the first hello of an incarnation: it is the current one from now on. What the one before still held is lost,
// as far as anybody knows, unless the new one goes on from it.
func (g *greeting) begin(ctx context.Context, tx *store.Tx) error {
	parent := ""
	if g.hello.Parent != nil {
		parent = g.hello.Parent.Incarnation.String()
	}
	if g.before.Incarnation != "" && g.before.Incarnation != parent {
		logs, err := tx.LogsOf(ctx, g.device, g.before.Incarnation)
		if err != nil {
			return err
		}
		for _, l := range logs {
			g.gaps++
			if err := tx.AddGap(ctx, g.device, l.Incarnation, l.Log, l.Lost(), g.now); err != nil {
				return err
			}
		}
	}
	if err := tx.SupersedeLives(ctx, g.device, g.said.Incarnation, g.now); err != nil {
		return err
	}
	life := fleet.Life{Incarnation: g.said.Incarnation, Parent: parent, FirstHeardAt: g.now, HeardAt: g.now,
		Boot: g.said.Boot, Session: g.said.Session}
	if err := tx.SaveLife(ctx, g.device, life); err != nil {
		return err
	}
	if parent != "" {
		if err := g.goOn(ctx, tx, parent); err != nil {
			return err
		}
	}
	if forgotten := g.receiver.config.Forgotten; forgotten != nil && g.forgets(parent) {
		if err := forgotten(ctx, tx, g.after, g.now); err != nil {
			return err
		}
	}
	return g.beginAfterRestore(ctx, tx)
}

// forgets says whether an incarnation may not know what the current one knew. One that has found the log forked comes from an image, or
// from a card that was cloned, and what it knows is as old as that.
func (g *greeting) forgets(parent string) bool {
	return g.before.Incarnation != "" && (g.before.Incarnation != parent || !g.hello.Parent.State)
}

// maxBrought is more records than a device of the largest file can bring along from its parent.
const maxBrought = 10_000_000

// goOn makes the logs of an incarnation that goes on from another one, and says so to a person. What was not delivered of the
// parent comes with it; what was delivered may come again, under new numbers.
func (g *greeting) goOn(ctx context.Context, tx *store.Tx, parent string) error {
	from := map[protocol.LogID]uint64{protocol.Events: g.hello.Parent.Events, protocol.Readings: g.hello.Parent.Readings}
	held := map[protocol.LogID]uint64{}
	for _, p := range g.hello.Logs {
		held[p.Log] = min(p.Next, maxBrought)
	}
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		old, known, err := tx.DeviceLog(ctx, g.device, parent, uint8(id))
		if err != nil {
			return err
		}
		if gap, ok := old.Left(from[id]); known && ok {
			g.gaps++
			if err := tx.AddGap(ctx, g.device, parent, old.Log, gap, g.now); err != nil {
				return err
			}
		}
		l := g.newLog(id)
		l.Origin = fleet.Origin{Parent: parent, First: from[id], Next: max(old.Next, from[id]+held[id])}
		if err := tx.SaveDeviceLog(ctx, g.device, l); err != nil {
			return err
		}
	}
	// Whoever is heard as the parent from now on is another storage, whatever session it is in: this one has a name of its own.
	if err := tx.ForgetSession(ctx, g.device, parent); err != nil {
		return err
	}
	return forkSeen(ctx, tx, g.device, parent, fmt.Errorf("incarnation %s goes on behind event %d and reading %d",
		g.hello.Incarnation, g.hello.Parent.Events, g.hello.Parent.Readings), g.now)
}

// beginAfterRestore marks the logs of an incarnation that this data has never heard of, though it has deleted records already:
// who took them was a hub whose data is gone.
func (g *greeting) beginAfterRestore(ctx context.Context, tx *store.Tx) error {
	ever, err := tx.EverRestored(ctx)
	if err != nil || !ever {
		return err
	}
	for _, p := range g.hello.Logs {
		if p.First == 1 {
			continue
		}
		_, known, err := tx.DeviceLog(ctx, g.device, g.said.Incarnation, uint8(p.Log))
		if err == nil && !known {
			err = tx.SaveDeviceLog(ctx, g.device, g.newLog(p.Log))
		}
		if err != nil {
			return err
		}
	}
	return tx.MarkRestored(ctx, g.device, g.said.Incarnation, g.now)
}

// again takes the hello of an incarnation that is known. When it was superseded and yet lives on, two storages speak for one
// device: the one heard of last stays the current one, and a person has to take one of them away.
func (g *greeting) again(ctx context.Context, tx *store.Tx, life fleet.Life) error {
	if life.Rival(g.said) {
		g.rival = true
		err := tx.OpenWork(ctx, "two_storages/"+g.device+"/"+life.Incarnation, "two_storages", g.device, fmt.Sprintf(
			"two storages live under this id: incarnation %.8s, which was superseded, is heard beside %.8s, which gets the plans and the"+
				" commands. Find the card or board that is one too many. What it has recorded is taken. To go on with the older one, erase"+
				" its storage: it begins anew and is the current one then.", life.Incarnation, g.after.Incarnation), g.now)
		if err != nil {
			return err
		}
	}
	return tx.SaveLife(ctx, g.device, life.Greet(g.said, g.now))
}

// found names what a storage that is not the current one still holds.
func (g *greeting) found(ctx context.Context, tx *store.Tx, l fleet.Log, next uint64) error {
	if err := tx.DropLost(ctx, g.device, l.Incarnation, l.Log); err != nil {
		return err
	}
	gap, ok := l.Found(next)
	if !ok {
		return nil
	}
	return tx.AddGap(ctx, g.device, l.Incarnation, l.Log, gap, g.now)
}

// forkSeen marks the logs of an incarnation, of which a branch was seen that does not fit, and makes it work for a person. The
// branch that fits goes on.
func forkSeen(ctx context.Context, tx *store.Tx, device, incarnation string, why error, now time.Time) error {
	logs, err := tx.LogsOf(ctx, device, incarnation)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if l.State == fleet.Forked {
			continue
		}
		l.State = fleet.Forked
		if err := tx.SaveDeviceLog(ctx, device, l); err != nil {
			return err
		}
	}
	return tx.OpenWork(ctx, "fork/"+device+"/"+incarnation, "fork", device,
		"storage of this device was restored from an image, cloned, or found broken: "+why.Error(), now)
}
