package warehouse

import (
	"context"
	"fmt"

	"meguri/internal/gs1"
	"meguri/protocol"
)

// day is the person's day: the wave is picked, packed and sent; what has come back is received, inspected, cleaned, inspected finally by
// somebody else, and shelved; the first shelf is counted.
func (p *person) day(ctx context.Context, w *World) error {
	for _, part := range []func(context.Context, *World) error{p.pick, p.send, p.receive, p.renew, p.count} {
		if err := part(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (p *person) pick(ctx context.Context, w *World) error {
	if err := p.begin(ctx, "mori", protocol.StepPick); err != nil {
		return err
	}
	for _, o := range w.Orders {
		for _, l := range o.Lines {
			if p.happens(oneWrong) {
				p.Wrong++
				if err := p.refused(ctx, codeOf(w.Free[p.chance.IntN(len(w.Free))])); err != nil {
					return err
				}
			}
			if err := p.scan(ctx, 0, label(gs1.Address, l.Shelf)); err != nil {
				return err
			}
			if err := p.do(ctx, protocol.StepPick, l.Item, 0); err != nil {
				return err
			}
			if err := p.scan(ctx, 0, label(gs1.Tote, o.Tote)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *person) send(ctx context.Context, w *World) error {
	if err := p.begin(ctx, "mori", protocol.StepPack); err != nil {
		return err
	}
	for _, o := range w.Orders {
		if err := p.scan(ctx, 0, label(gs1.SSCC, o.Bag)); err != nil {
			return err
		}
		for _, l := range o.Lines {
			if err := p.do(ctx, protocol.StepPack, l.Item, 0); err != nil {
				return err
			}
		}
		if err := p.scan(ctx, 0, label(gs1.Menu, "close")); err != nil {
			return err
		}
	}
	if err := p.begin(ctx, "mori", protocol.StepShip); err != nil {
		return err
	}
	for n, o := range w.Orders {
		if err := p.scan(ctx, 0, fmt.Sprintf("]A04001-%06d", n), label(gs1.SSCC, o.Bag)); err != nil {
			return err
		}
	}
	return nil
}

// receive unpacks the bags; the first piece of the second bag lies in the first one, and the warehouse is told so.
func (p *person) receive(ctx context.Context, w *World) error {
	if err := p.begin(ctx, "mori", protocol.StepReceive); err != nil {
		return err
	}
	for n, b := range w.Returns {
		if err := p.scan(ctx, 0, label(gs1.SSCC, b.Bag)); err != nil {
			return err
		}
		items := b.Items
		if n == 1 {
			items = items[1:]
		}
		for _, item := range items {
			if err := p.do(ctx, protocol.StepUnpack, item, 0); err != nil {
				return err
			}
		}
		if n == 0 && len(w.Returns) > 1 {
			if err := p.do(ctx, protocol.StepUnpack, w.Returns[1].Items[0], 1); err != nil {
				return err
			}
		}
		if p.happens(2) {
			if err := p.scan(ctx, 1, label(gs1.Menu, "belongings")); err != nil {
				return err
			}
		}
		closing := []string{label(gs1.Menu, "close")}
		if n == 1 { // a piece is missing: look again, and say so
			closing = append(closing, closing[0])
		}
		if err := p.scan(ctx, 1, closing...); err != nil {
			return err
		}
	}
	return nil
}

// renew inspects, cleans and shelves what has come back.
func (p *person) renew(ctx context.Context, w *World) error {
	steps := []struct {
		step   protocol.Step
		badge  string
		before []string // once
		after  []string // each piece
	}{
		{protocol.StepInspectReturn, "mori", nil, []string{label(gs1.Menu, "grade-b"), label(gs1.Menu, "dirty"), label(gs1.Menu, "pass")}},
		{protocol.StepClean, "mori", []string{label(gs1.Batch, "C-1")}, nil},
		{protocol.StepCleaned, "mori", nil, nil},
		{protocol.StepInspectFinal, "sato", nil, []string{label(gs1.Menu, "pass")}},
		{protocol.StepPutAway, "sato", nil, []string{label(gs1.Address, shelfOf(0))}},
	}
	for _, s := range steps {
		if err := p.begin(ctx, s.badge, s.step); err != nil {
			return err
		}
		if err := p.scan(ctx, 0, s.before...); err != nil {
			return err
		}
		for _, b := range w.Returns {
			for _, item := range b.Items {
				if err := p.do(ctx, s.step, item, 0); err != nil {
					return err
				}
				if err := p.scan(ctx, 1, s.after...); err != nil { // a shelf may be full
					return err
				}
			}
		}
	}
	return nil
}

// count counts the first shelf: what was put there, and nothing else any more but what is free.
func (p *person) count(ctx context.Context, w *World) error {
	if err := p.begin(ctx, "sato", protocol.StepCount); err != nil {
		return err
	}
	if err := p.scan(ctx, 0, label(gs1.Address, shelfOf(0))); err != nil {
		return err
	}
	for _, b := range w.Returns {
		for _, item := range b.Items {
			if err := p.do(ctx, protocol.StepCount, item, 0); err != nil {
				return err
			}
		}
	}
	line, beeps, err := p.ask(ctx, label(gs1.Menu, "close"))
	if err == nil && beeps != 0 {
		err = fmt.Errorf("all that was shelved is there, and the count says: %s", line)
	}
	return err
}
