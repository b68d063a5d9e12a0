package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// Bounds of what is kept of a device's garbage. Beyond, it is only counted.
const (
	maxGarbage      = 100     // payloads
	maxGarbageBytes = 4 << 10 // of each
)

// Bounds of what is kept of a device's records that could not be read, events and readings together: enough to find out what is
// wrong. Behind them the log goes on all the same, and the numbers of what is not kept are a gap.
const (
	maxUnread      = 1000
	maxUnreadBytes = 4 << 20
)

// quarantine keeps the beginning of a payload that cannot be read, for the first ones of a device.
func (r *Receiver) quarantine(ctx context.Context, device string, payload []byte, reason string) error {
	r.stats.Quarantined.Add(1)
	r.mu.Lock()
	full := r.garbage[device] >= maxGarbage
	r.mu.Unlock()
	if full {
		return nil
	}
	row := store.QuarantineRow{ID: rand.Text(), Device: device, ReceivedAt: r.config.Clock.Now(), Reason: clean(reason, maxReason),
		Raw: payload[:min(len(payload), maxGarbageBytes)]}
	var kept int
	err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		if _, err := r.device(ctx, tx, device); err != nil {
			return err
		}
		var err error
		if kept, err = tx.QuarantinedPayloads(ctx, device); err != nil || kept >= maxGarbage {
			return err
		}
		kept++
		if err := tx.AddQuarantine(ctx, row); err != nil {
			return err
		}
		return misbehaves(ctx, tx, device, "it sends what cannot be read: "+row.Reason, row.ReceivedAt)
	})
	if err != nil {
		return fmt.Errorf("quarantine a payload of %s: %w", device, err)
	}
	r.mu.Lock()
	r.garbage[device] = kept
	r.mu.Unlock()
	r.config.Logger.Warn("payload in quarantine", "device", device, "bytes", len(payload), "kept", kept, "reason", row.Reason)
	return nil
}

// misbehaves asks a person to look after a device, once a day.
func misbehaves(ctx context.Context, tx *store.Tx, device, what string, now time.Time) error {
	return tx.OpenWork(ctx, "misbehaving/"+device+"/"+now.UTC().Format(time.DateOnly), "misbehaving", device, what, now)
}

// unreadable is what a batch knows of the records that could not be read.
type unreadable struct {
	kept      *store.Kept // of the device by now; nil before it was asked
	discarded *fleet.Gap  // the numbers of which nothing is kept, as far as they follow each other
}

// keeps says whether a record that could not be read is kept, and counts it. One of a newer device always is: the hub will read
// it after its upgrade, so that it is worth as much as any other.
func (t *taking) keeps(ctx context.Context, raw []byte, unread error) (bool, error) {
	if errors.Is(unread, protocol.ErrUnknownKind) {
		return true, nil
	}
	u := &t.unreadable
	if u.kept == nil {
		k, err := t.tx.KeptUnread(ctx, t.device.ID)
		if err != nil {
			return false, err
		}
		u.kept = &k
	}
	if u.kept.Records >= maxUnread || u.kept.Bytes+int64(len(raw)) > maxUnreadBytes {
		return false, nil
	}
	u.kept.Records++
	u.kept.Bytes += int64(len(raw))
	return true, nil
}

// discard names a record of which nothing is kept. Numbers that follow each other are one gap, also those of earlier batches, so
// that a flood of garbage leaves one row.
func (t *taking) discard(ctx context.Context, number uint64) error {
	t.discarded++
	if t.batch.Log == protocol.Events {
		t.events--
	}
	u := &t.unreadable
	if u.discarded != nil && u.discarded.Last+1 == number {
		u.discarded.Last = number
		return nil
	}
	if err := t.nameDiscarded(ctx); err != nil {
		return err
	}
	before, found, err := t.tx.GapUpTo(ctx, t.device.ID, t.incarnation, uint8(t.batch.Log), number-1)
	if err != nil {
		return err
	}
	if !found || before.Kind != fleet.Discarded {
		t.gaps++
		before = fleet.Gap{First: number, Kind: fleet.Discarded, Reason: "could not be read; too much of that is kept of this device already"}
	}
	before.Last = number
	u.discarded = &before
	return nil
}

// nameDiscarded stores the gap of what was discarded, and asks a person to look after the device, once a day.
func (t *taking) nameDiscarded(ctx context.Context) error {
	g := t.unreadable.discarded
	if g == nil {
		return nil
	}
	t.unreadable.discarded = nil
	if err := t.tx.AddGap(ctx, t.device.ID, t.incarnation, uint8(t.batch.Log), *g, t.now); err != nil {
		return err
	}
	id := "misbehaving/" + t.device.ID + "/unread/" + t.now.UTC().Format(time.DateOnly)
	return t.tx.OpenWork(ctx, id, "misbehaving", t.device.ID, fmt.Sprintf(
		"so many of its records cannot be read that no more are kept (%d, %d MiB): from %s %d on they are only counted, as discarded",
		maxUnread, maxUnreadBytes>>20, t.batch.Log, g.First), t.now)
}
