package disruption

import (
	"context"
	"strconv"

	"meguri/hub/alarm"
	"meguri/hub/capacity"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Limit gives a product a limit of its own on a date, also below what is sold: then no more is. With withdraw the units above it
// are taken off the orders that were accepted last, since the shop cannot deliver them; an order of which nothing is left is
// called off.
func (s *Service) Limit(ctx context.Context, date, product string, limit int64, withdraw bool, act Act) (Result, error) {
	return s.run(ctx, date, act, func(c *change) error {
		shop, err := c.tx.ShopOfProduct(ctx, product)
		if err != nil {
			return err
		}
		was, err := c.limitOf(product)
		if err != nil {
			return err
		}
		if err := c.tx.SetDateLimit(ctx, date, store.DateLimit{ProductID: product, Limit: limit, SetBy: act.By, SetAt: act.At}); err != nil {
			return err
		}
		did := people.NewAct(act.At, act.By, "limit.set", product, date+": "+act.Reason)
		if err := c.tx.RecordAct(ctx, did.From(strconv.FormatInt(was, 10), strconv.FormatInt(limit, 10))); err != nil {
			return err
		}
		if !withdraw {
			return nil
		}
		sold, err := c.tx.SoldItems(ctx, date, product)
		if err != nil {
			return err
		}
		return c.withdraw(product, shop, dispatch.ChooseShort(sold, max(0, len(sold)-int(limit))))
	})
}

// limitOf is the limit of a product on the date as it stands.
func (c *change) limitOf(product string) (int64, error) {
	own, err := c.tx.DateLimits(c.ctx, c.result.Date)
	if of, has := own[product]; has || err != nil {
		return of.Limit, err
	}
	for _, p := range c.date.Network.Products {
		if p.ID == product {
			return p.SalesLimit, nil
		}
	}
	return 0, nil // it is not sold on the date
}

// withdraw takes units of a product off, given latest order first.
func (c *change) withdraw(product, shop string, units []dispatch.ShortItem) error {
	name := product
	for _, p := range c.date.Network.Products {
		if p.ID == product {
			name = p.Name
		}
	}
	var book *capacity.Book
	var err error
	if !c.result.Frozen {
		if book, err = capacity.NewBook(c.date.Network, c.date.State); err != nil {
			return err
		}
	}
	for len(units) > 0 {
		n := 1
		for n < len(units) && units[n].OrderID == units[0].OrderID {
			n++
		}
		of := units[:n]
		units = units[n:]
		if err := c.withdrawFrom(book, product, name, of); err != nil {
			return err
		}
	}
	return nil
}

// withdrawFrom takes units off one order.
func (c *change) withdrawFrom(book *capacity.Book, product, name string, units []dispatch.ShortItem) error {
	o := c.standing(units[0].OrderID)
	if c.result.Frozen && o.State != order.Accepted && o.State != order.Ready {
		return nil // the goods have been taken, or nobody came for them
	}
	off := make([]capacity.Item, len(units))
	for i, u := range units {
		off[i] = capacity.Item{Order: u.OrderID, Line: int64(u.Line), Unit: int64(u.Unit)}
	}
	d := c.decide(o, order.Withdraw, o.State)
	if book != nil {
		d.Change = book.Withdraw(off)
	} else {
		var err error
		if d.Change, err = c.out(func(i capacity.Item) bool { return has(off, i) }); err != nil {
			return err
		}
	}
	for _, i := range d.Change.Removed {
		d.Units = append(d.Units, order.Unit{Line: i.Line, Unit: i.Unit})
	}
	c.decisions = append(c.decisions, d)
	left := -len(d.Change.Removed)
	for _, i := range c.date.State.Items {
		if i.Order == o.ID {
			left++
		}
	}
	if left == 0 {
		c.callOff(o)
		return nil
	}
	c.result.Withdrawn = append(c.result.Withdrawn, Withdrawn{o.ID, product, len(units)})
	c.notices = append(c.notices, store.Notice{OrderID: o.ID, Kind: store.NoticeWithdrawn, MadeAt: c.act.At, Parameters: store.NoticeParameters{
		Reason: alarm.Said(c.act.Reason), Products: []store.NoticedUnits{{ProductID: product, Name: name, Units: len(units)}}}})
	return nil
}

func has(items []capacity.Item, i capacity.Item) bool {
	for _, o := range items {
		if o.Order == i.Order && o.Line == i.Line && o.Unit == i.Unit {
			return true
		}
	}
	return false
}
