package quality

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/store"
)

// Kinds of work and of alarm that come of holds.
const (
	WorkHold    = "quality_hold" // decide about goods that are held
	WorkRecall  = "recall"       // goods that may not be all right were taken: reach the customer, give the money back
	WorkRemove  = "condemned"    // take condemned goods out
	AlarmHold   = "quality_hold"
	doNotLoadBy = "quality: "
)

// holdJudged holds a container because of what the readings say.
func (t *turn) holdJudged(stay store.GoodsStay, j store.Judgement, n int) error {
	cause := store.CauseBroken
	if j.State == coldchain.Doubtful {
		cause = store.CauseDoubtful
	}
	return t.hold(stay.Container, store.Hold{ID: fmt.Sprintf("%s/%s/%d", j.Container, j.Leg, n), Container: j.Container, Position: j.Position,
		Cause: cause, Leg: j.Leg, Revision: j.Revision, Since: j.At, Outside: j.Outside, Judged: j.Known, HeldAt: t.now, HeldBy: store.HeldByHub,
		Reason: says(stay, j)})
}

// hold closes the grants concerned, tells the customers, and asks a person to decide.
func (t *turn) hold(c dispatch.Container, h store.Hold) error {
	if any, err := t.concernsAnybody(c, h); err != nil || !any {
		return errors.Join(err, t.ofNobody(h))
	}
	added, err := t.tx.AddHold(t.ctx, h)
	if err != nil || !added {
		return err
	}
	if err := t.concern(c, h); err != nil {
		return err
	}
	if err := t.tx.OpenWork(t.ctx, WorkHold+"/"+h.ID, WorkHold, c.ID, string(h.Reason), t.now); err != nil {
		return err
	}
	if err := t.tx.RaiseAlarm(t.ctx, AlarmHold+"/"+h.ID, AlarmHold, h.Position, h.Reason, h.HeldAt); err != nil {
		return err
	}
	t.concerns(c.LocationID, c.ShopID, effect.RouteOf(c.RunID))
	if c.State == dispatch.Loaded || c.State == dispatch.Placed {
		return nil
	}
	if kept, err := t.tx.KeptBack(t.ctx, c.DeliveryDate); err != nil || kept[c.ID] != "" {
		return err // somebody has said so already, and it is theirs to let it go
	}
	return t.tx.KeepBack(t.ctx, c, doNotLoadBy+h.Reason.In("en"), store.HeldByHub, t.now)
}

// ofNobody has a station let go what it holds by itself when all of that had been taken before: somebody may come again for what was
// forgotten, and nobody would ever decide.
func (t *turn) ofNobody(h store.Hold) error {
	if h.Cause != store.CauseDevice {
		return nil
	}
	added, err := t.tx.AddHold(t.ctx, h)
	if err != nil || !added {
		return err
	}
	h.Decision, h.DecidedAt, h.DecidedBy, h.Why = store.Lifted, t.now, store.HeldByHub, whyNobodys
	_, err = t.decide(h)
	return err
}

// whyNobodys is why a hold that concerns nobody is lifted.
const whyNobodys = "all that was in it had been taken before"

// concernsAnybody says whether a hold would be about goods of anybody: not when all that was in the container had been taken before.
func (t *turn) concernsAnybody(c dispatch.Container, h store.Hold) (bool, error) {
	items, err := t.tx.ItemsIn(t.ctx, c.ID)
	if err != nil {
		return false, err
	}
	taken, err := t.tx.TakenFrom(t.ctx, c.ID)
	orders := ordersOf(items, false)
	return len(orders) == 0 || slices.ContainsFunc(orders, func(o string) bool { return coldchain.Affected(h.Since, taken[o]) }), err
}

// concern notes which orders had goods in the container from then on, and tells their customers: those who have taken them are
// warned, the others are told to wait.
func (t *turn) concern(c dispatch.Container, h store.Hold) error {
	items, err := t.tx.ItemsIn(t.ctx, c.ID)
	if err != nil {
		return err
	}
	taken, err := t.tx.TakenFrom(t.ctx, c.ID)
	if err != nil {
		return err
	}
	for _, order := range ordersOf(items, h.Decision == store.Condemned) {
		at := taken[order]
		if h.Decision == store.Condemned && at.IsZero() {
			continue // told already
		}
		if !coldchain.Affected(h.Since, at) {
			continue
		}
		added, err := t.tx.Concern(t.ctx, h.ID, order, at)
		if err != nil {
			return err
		}
		if !added {
			continue
		}
		kind := store.NoticeHeld
		if !at.IsZero() {
			kind = store.NoticeRecalled
			if err := t.recall(order, h, items); err != nil {
				return err
			}
		}
		if err := t.notice(kind, order, h.Reason, items); err != nil {
			return err
		}
	}
	return nil
}

// ordersOf gives the orders of items; those that were condemned are short.
func ordersOf(items []store.HeldItem, short bool) (orders []string) {
	for _, i := range items {
		if n := len(orders); (short || !i.Short) && (n == 0 || orders[n-1] != i.OrderID) {
			orders = append(orders, i.OrderID)
		}
	}
	return orders
}

// recall makes work of goods that were taken: the refund that it proposes is the price of the units concerned, where they were paid here.
func (t *turn) recall(order string, h store.Hold, items []store.HeldItem) error {
	yen, err := t.price(order, items)
	if err != nil {
		return err
	}
	why := h.Reason.Text()
	detail := alarm.Text{EN: "goods of container " + h.Container + " were taken and may not be all right: reach the customer; " + why.EN,
		JA: "受取済みの容器 " + h.Container + " の商品に問題の恐れ：お客様に連絡。" + why.JA}
	if yen > 0 {
		detail.EN += fmt.Sprintf("; proposed refund %d yen", yen)
		detail.JA += fmt.Sprintf("。返金案 %d 円", yen)
	}
	return t.tx.OpenWork(t.ctx, WorkRecall+"/"+h.ID+"/"+order, WorkRecall, order, string(alarm.Say(detail)), t.now)
}

// price is what the units of an order in items were paid with.
func (t *turn) price(order string, items []store.HeldItem) (yen int64, err error) {
	bill, err := t.tx.Bill(t.ctx, order)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, noBill) {
		return 0, nil
	}
	for _, i := range items {
		for _, l := range bill.Payment.Lines {
			if i.OrderID == order && !i.Short && i.Line == int(l.Number) {
				yen += l.UnitPriceYen
			}
		}
	}
	return yen, err
}

func (t *turn) notice(kind store.NoticeKind, order string, reason alarm.Said, items []store.HeldItem) error {
	p := store.NoticeParameters{Reason: reason}
	for _, i := range items {
		if i.OrderID != order || i.Short {
			continue
		}
		if n := len(p.Products); n > 0 && p.Products[n-1].ProductID == i.ProductID {
			p.Products[n-1].Units++
			continue
		}
		p.Products = append(p.Products, store.NoticedUnits{ProductID: i.ProductID, Name: i.Name, Units: 1})
	}
	return t.tx.AddNotice(t.ctx, store.Notice{OrderID: order, Kind: kind, Parameters: p, MadeAt: t.now})
}

// update keeps an open hold at what is known by now. It may concern more orders than before.
func (t *turn) update(h store.Hold, stay store.GoodsStay, j store.Judgement) error {
	h.Cause = store.CauseBroken
	if j.State == coldchain.Doubtful {
		h.Cause = store.CauseDoubtful
	}
	h.Revision, h.Since, h.Outside, h.Judged, h.Reason = j.Revision, j.At, j.Outside, j.Known, says(stay, j)
	if err := t.tx.UpdateHold(t.ctx, h); err != nil {
		return err
	}
	return t.concern(stay.Container, h)
}

// lift ends a hold that the readings do not call for any more. Nobody has to decide.
func (t *turn) lift(h store.Hold, why string, j store.Judgement) error {
	h.Decision, h.DecidedAt, h.DecidedBy, h.Why, h.Outside = store.Lifted, t.now, store.HeldByHub, why, j.Outside
	_, err := t.decide(h)
	return err
}

// decide ends a hold, and does what follows from how. It is false when that was decided already.
func (t *turn) decide(h store.Hold) (bool, error) {
	decided, err := t.tx.DecideHold(t.ctx, h)
	if err != nil || !decided {
		return false, err
	}
	c, err := t.tx.Container(t.ctx, h.Container)
	if err != nil {
		return false, err
	}
	if err := t.tx.SettleWork(t.ctx, WorkHold+"/"+h.ID, t.now); err != nil {
		return false, err
	}
	if err := t.tx.ClearAlarmOf(t.ctx, AlarmHold+"/"+h.ID, t.now); err != nil {
		return false, err
	}
	t.concerns(c.LocationID, c.ShopID, effect.RouteOf(c.RunID))
	if h.Decision == store.Condemned {
		return true, t.condemn(c, h)
	}
	return true, t.release(c, h)
}

// release tells the customers that all is well, unless another hold is open or the goods were condemned by one: those of all holds that were
// open together, for each of them has told some to wait or that their goods may not be all right, and none has told them otherwise.
func (t *turn) release(c dispatch.Container, h store.Hold) error {
	holds, err := t.tx.HoldsOf(t.ctx, c.ID)
	if err != nil {
		return err
	}
	for _, other := range holds {
		if other.Decision == store.Undecided || other.Decision == store.Condemned {
			return nil
		}
	}
	if err := t.letGo(c); err != nil {
		return err
	}
	items, err := t.tx.ItemsIn(t.ctx, c.ID)
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for _, ended := range together(holds) {
		concerned, err := t.tx.ConcernedBy(t.ctx, ended.ID)
		if err != nil {
			return err
		}
		for _, o := range concerned {
			if err := t.tx.SettleWork(t.ctx, WorkRecall+"/"+ended.ID+"/"+o.OrderID, t.now); err != nil {
				return err
			}
			if told[o.OrderID] {
				continue
			}
			told[o.OrderID] = true
			if err := t.notice(store.NoticeReleased, o.OrderID, alarm.Said(h.Why), items); err != nil {
				return err
			}
		}
	}
	return nil
}

// together gives, of holds that have all ended, the last one and those that were open beside it, or beside one that was.
func together(ended []store.Hold) []store.Hold {
	slices.SortFunc(ended, func(a, b store.Hold) int { return b.DecidedAt.Compare(a.DecidedAt) })
	since := ended[0].HeldAt
	for i, h := range ended {
		if h.DecidedAt.Before(since) {
			return ended[:i]
		}
		if h.HeldAt.Before(since) {
			since = h.HeldAt
		}
	}
	return ended
}

// letGo lets a container be loaded that was kept back because of a hold.
func (t *turn) letGo(c dispatch.Container) error {
	kept, err := t.tx.KeptBack(t.ctx, c.DeliveryDate)
	if err != nil || !strings.HasPrefix(kept[c.ID], doNotLoadBy) {
		return err
	}
	return t.tx.LetGo(t.ctx, c.ID)
}

// condemn takes the goods off the orders whose they still were, gives the money back where it was paid here, and has somebody take
// them out. Those that were taken stay work for a person: to reach the customer, and to agree on the refund.
func (t *turn) condemn(c dispatch.Container, h store.Hold) error {
	concerned, err := t.tx.ConcernedBy(t.ctx, h.ID)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, o := range concerned {
		taken[o.OrderID] = !o.Taken.IsZero()
	}
	items, err := t.tx.ItemsIn(t.ctx, c.ID)
	if err != nil {
		return err
	}
	for _, i := range items {
		if was, ours := taken[i.OrderID]; !ours || was || i.Short {
			continue
		}
		if err := t.tx.MarkShort(t.ctx, dispatch.ShortItem{OrderID: i.OrderID, Line: i.Line, Unit: i.Unit}); err != nil {
			return err
		}
	}
	for _, o := range concerned {
		if taken[o.OrderID] {
			continue
		}
		if err := t.notice(store.NoticeCondemned, o.OrderID, alarm.Said(h.Why), items); err != nil {
			return err
		}
		if err := t.tx.OwedBack(t.ctx, o.OrderID, t.now); err != nil {
			return err
		}
		if err := effect.Refresh(t.ctx, t.tx, t.now, o.OrderID); err != nil {
			return err
		}
	}
	detail := alarm.Say(alarm.Text{EN: fmt.Sprintf("take box %s out of %s: condemned, %s", c.GRAI, where(c, h), h.Why),
		JA: fmt.Sprintf("容器 %s を %s から取り出す：廃棄、%s", c.GRAI, where(c, h), h.Why)})
	return t.tx.OpenWork(t.ctx, WorkRemove+"/"+h.ID, WorkRemove, c.ID, string(detail), t.now)
}

// where says where a container is, as far as is known.
func where(c dispatch.Container, h store.Hold) string {
	switch c.State {
	case dispatch.Placed:
		return c.SlotID
	case dispatch.Loaded:
		return c.ShipperID
	}
	if h.Position != "" {
		return h.Position
	}
	return c.AddressID
}

// since is when a hold of a person or a device begins to concern goods: now, if nothing else is said.
func since(at, now time.Time) time.Time {
	if at.IsZero() || at.After(now) {
		return now
	}
	return at
}

// Taken is told that goods of a container were taken: where it is held, or was condemned, that may be a recall.
func (s *Service) Taken(ctx context.Context, tx *store.Tx, container string, now time.Time) error {
	holds, err := tx.HoldsOf(ctx, container)
	if err != nil || len(holds) == 0 {
		return err
	}
	c, err := tx.Container(ctx, container)
	if err != nil {
		return err
	}
	t := &turn{service: s, ctx: ctx, tx: tx, now: now}
	for _, h := range holds {
		switch {
		case h.Decision == store.Undecided || h.Decision == store.Condemned:
			err = t.concern(c, h)
		case h.Why == whyNobodys:
			err = t.somebodys(c, h)
		}
		if err != nil {
			return err
		}
	}
	t.tell()
	return nil
}

// somebodys holds again what was nobody's, once somebody has come for it after all.
func (t *turn) somebodys(c dispatch.Container, h store.Hold) error {
	h.ID, h.HeldAt, h.Decision, h.DecidedAt, h.DecidedBy, h.Why = h.ID+"/again", t.now, store.Undecided, time.Time{}, "", ""
	if any, err := t.concernsAnybody(c, h); err != nil || !any {
		return err
	}
	return t.hold(c, h)
}

// DeviceHeld holds what a station has decided about by itself. When the readings say the same that is one cause and one hold more, by
// which a person sees that both agree.
func (s *Service) DeviceHeld(ctx context.Context, tx *store.Tx, c dispatch.Container, h store.Hold, now time.Time) error {
	t := &turn{service: s, ctx: ctx, tx: tx, now: now}
	if err := t.hold(c, h); err != nil {
		return err
	}
	t.tell()
	return nil
}
