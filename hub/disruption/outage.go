package disruption

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meguri/hub/alarm"
	"meguri/hub/capacity"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
)

// TakeOut puts a thing out of service on a date. Before cutoff everything is numbered anew without it, with as few moves as is
// found, and orders that no longer fit are called off. After cutoff nothing moves by itself: the containers that have it on
// their way are not to be loaded until a person moves them.
func (s *Service) TakeOut(ctx context.Context, date string, out order.Out, act Act) (Result, error) {
	return s.run(ctx, date, act, func(c *change) error {
		if err := c.takeOut(out); err != nil {
			return err
		}
		if !c.result.Frozen {
			return c.renumber(out)
		}
		through, err := c.tx.ContainersThrough(ctx, date, out)
		for _, t := range through {
			c.result.Through = append(c.result.Through, t.ID)
			c.concerns(t.RunID, t.ShopID, t.LocationID)
		}
		return err
	})
}

func (c *change) takeOut(out order.Out) error {
	fresh, err := c.tx.TakeOut(c.ctx, store.OutOfService{Out: out, Date: c.result.Date, Reason: c.act.Reason, SetBy: c.act.By, SetAt: c.act.At})
	if err != nil {
		return err
	}
	if !fresh {
		return fmt.Errorf("%s %s is out of service on %s: %w", out.Kind, out.ID, c.result.Date, ErrAlready)
	}
	return c.record("outage.add", string(out.Kind)+" "+out.ID, c.result.Date)
}

// PutBack puts a thing back into service: before cutoff there is room for orders to come. Those that were called off stay so.
func (s *Service) PutBack(ctx context.Context, date string, out order.Out, act Act) (Result, error) {
	return s.run(ctx, date, act, func(c *change) error {
		if err := c.tx.PutBack(ctx, date, out); err != nil {
			return err
		}
		if c.result.Frozen {
			through, err := c.tx.ContainersThrough(ctx, date, out)
			if err != nil {
				return err
			}
			for _, t := range through {
				c.concerns(t.RunID, t.ShopID, t.LocationID)
			}
		}
		return c.record("outage.end", string(out.Kind)+" "+out.ID, date)
	})
}

// CallOff calls off a whole delivery or run, as for a typhoon. Before cutoff what rides with the run and can ride with another
// does; after cutoff every order that is not in its slot yet is called off. So is, while rows of the date are broken, every order
// that has to do with it: then nothing can be numbered anew.
func (s *Service) CallOff(ctx context.Context, date string, out order.Out, act Act) (Result, error) {
	return s.run(ctx, date, act, func(c *change) error {
		if err := c.takeOut(out); err != nil {
			return err
		}
		if !c.result.Frozen {
			var broken *capacity.BrokenError
			err := c.renumber(out)
			if errors.As(err, &broken) {
				c.callOffByRow(out)
				return nil
			}
			return err
		}
		through, err := c.tx.ContainersThrough(ctx, date, out)
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, t := range through {
			if out.Kind != order.OutRun || t.State != dispatch.Placed {
				there[t.ID] = true
			}
			c.concerns(t.RunID, t.ShopID, t.LocationID)
		}
		var orders []string
		for _, i := range c.date.State.Items {
			if there[i.ContainerID] && !slices.Contains(orders, i.Order) {
				orders = append(orders, i.Order)
			}
		}
		for _, id := range orders {
			if err := c.takeOff(id); err != nil && !errors.Is(err, ErrOver) && !errors.Is(err, ErrAlready) {
				return err
			}
		}
		return nil
	})
}

// callOffByRow calls off what goes to a location or rides in a run, as the rows stand.
func (c *change) callOffByRow(out order.Out) {
	rides, concerned := map[string]bool{}, map[string]bool{}
	for _, k := range c.date.State.Containers {
		rides[k.ID] = out.Kind == order.OutRun && k.Run == out.ID
	}
	for _, i := range c.date.State.Items {
		concerned[i.Order] = concerned[i.Order] || rides[i.ContainerID]
	}
	for _, o := range c.date.Orders {
		if o.State.Holds() && (concerned[o.ID] || out.Kind == order.OutLocation && o.LocationID == out.ID) {
			c.callOff(o).ByRow = true
		}
	}
}

// renumber numbers the date anew without a thing.
func (c *change) renumber(out order.Out) error {
	book, err := capacity.NewBook(c.date.Network, c.date.State)
	if err != nil {
		return err
	}
	var held []string
	holds := map[string]bool{}
	for _, i := range c.date.State.Items {
		holds[i.Order] = true
	}
	for _, o := range c.date.Orders {
		if o.State.Holds() {
			held = append(held, o.ID)
		} else if holds[o.ID] { // a row that is broken, and would keep its container from closing
			c.renumbered(book.Remove(o.ID))
		}
	}
	moved, gone, err := book.Renumber(order.Without(c.date.Network, []order.Out{out}), held)
	if err != nil {
		return err
	}
	c.renumbered(moved)
	for _, id := range gone {
		c.callOff(c.standing(id))
	}
	return nil
}

// renumbered notes a new numbering, whose Removed are of orders that are called off.
func (c *change) renumbered(moved capacity.Change) {
	if moved.Moves() == 0 && len(moved.Removed)+len(moved.Opened)+len(moved.Closed)+len(moved.Filled) == 0 {
		return
	}
	d := order.Decision{Verb: order.Renumber, By: c.act.By, At: c.act.At, Cause: order.CauseOutage, Change: moved}
	d.Order.DeliveryDate = c.result.Date
	c.decisions = append(c.decisions, d)
	note := func(id string) {
		if !slices.Contains(c.result.Moved, id) {
			c.result.Moved = append(c.result.Moved, id)
		}
	}
	for _, r := range moved.Relocated {
		note(r.To.ID)
	}
	for _, m := range moved.Moved {
		note(m.From)
	}
	slices.Sort(c.result.Moved)
}

func (c *change) standing(id string) order.Standing {
	i := slices.IndexFunc(c.date.Orders, func(o order.Standing) bool { return o.ID == id })
	if i < 0 {
		return order.Standing{ID: id}
	}
	return c.date.Orders[i]
}

// decide begins a decision on a stored order.
func (c *change) decide(o order.Standing, v order.Verb, to order.State) order.Decision {
	d := order.Decision{Verb: v, From: o.State, By: c.act.By, At: c.act.At, Cause: order.CauseOutage, Order: order.Order{State: to}}
	d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID, d.Order.HoldUntil = o.ID, c.result.Date, o.LocationID, o.HoldUntil
	return d
}

// callOff ends an order whose items are out of the numbering, or leave it with the decision that is returned for that.
func (c *change) callOff(o order.Standing) *order.Decision {
	d := c.decide(o, order.End, order.CalledOff)
	d.Order.EndedAt, d.Order.EndReason = c.act.At, c.act.Reason
	c.decisions = append(c.decisions, d)
	units := 0
	for _, i := range c.date.State.Items {
		if i.Order == o.ID {
			units++
		}
	}
	c.result.CalledOff = append(c.result.CalledOff, Gone{o.ID, o.LocationID, units})
	c.notices = append(c.notices, store.Notice{OrderID: o.ID, Kind: store.NoticeCalledOff, MadeAt: c.act.At,
		Parameters: store.NoticeParameters{Reason: alarm.Said(c.act.Reason)}})
	return &c.decisions[len(c.decisions)-1]
}
