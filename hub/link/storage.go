package link

import (
	"context"
	"fmt"

	"meguri/hub/fleet"
	"meguri/protocol"
)

// salvaged names what was lost with a broken file: numbers of the incarnation that this one goes on from. What the hub has of
// them is not lost.
func (t *taking) salvaged(ctx context.Context, b protocol.Salvaged) error {
	parent := b.Parent.String()
	reason := "damaged in the device's storage: " + clean(b.Reason, maxText)
	for i, lost := range b.Lost {
		if i == protocol.MaxLostSpans {
			return &NotApplied{Reason: fmt.Sprintf("%d lost spans, at most %d", len(b.Lost), protocol.MaxLostSpans)}
		}
		log, known, err := t.tx.DeviceLog(ctx, t.device.ID, parent, uint8(lost.Log))
		if err != nil {
			return err
		}
		if !known || lost.To > maxCounter {
			continue // the hub never heard of that incarnation: there is no log in which they could be missing
		}
		from, to := max(lost.From, 1), lost.To
		if err := t.explain(ctx, parent, uint8(lost.Log), from, to, fleet.Damaged, reason); err != nil {
			return err
		}
		if from = max(from, log.Next); from > to {
			continue
		}
		t.gaps++
		g := fleet.Gap{First: from, Last: to, Kind: fleet.Damaged, Reason: reason}
		if err := t.tx.AddGap(ctx, t.device.ID, parent, uint8(lost.Log), g, t.now); err != nil {
			return err
		}
	}
	return nil
}

// explain gives a better reason to numbers that are missing already.
func (t *taking) explain(ctx context.Context, incarnation string, log uint8, from, to uint64, kind fleet.GapKind, reason string) error {
	gaps, err := t.tx.Gaps(ctx, t.device.ID, incarnation, log)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		parts := g.Explain(from, to, kind, reason)
		if parts == nil {
			continue
		}
		t.gaps++
		if err := t.tx.ReplaceGap(ctx, t.device.ID, incarnation, log, g, parts, t.now); err != nil {
			return err
		}
	}
	return nil
}
