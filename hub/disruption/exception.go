package disruption

import (
	"context"
	"errors"
	"fmt"

	"meguri/hub/capacity"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
)

// exception is run for what is only done after cutoff.
func (s *Service) exception(ctx context.Context, date string, act Act, fn func(*change) error) (Result, error) {
	return s.run(ctx, date, act, func(c *change) error {
		if !c.result.Frozen {
			return fmt.Errorf("%s: %w", date, ErrNotFrozen)
		}
		return fn(c)
	})
}

// dateOf is the date of a container.
func (s *Service) dateOf(ctx context.Context, container string) (date string, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		c, err := tx.Container(ctx, container)
		date = c.DeliveryDate
		return err
	})
	return date, err
}

// Move gives a container another slot, shipper or address after cutoff. What it does not name stays as it is.
func (s *Service) Move(ctx context.Context, container string, to dispatch.Where, act Act) (Result, error) {
	date, err := s.dateOf(ctx, container)
	if err != nil {
		return Result{}, err
	}
	return s.exception(ctx, date, act, func(c *change) error {
		is, err := c.tx.Container(ctx, container)
		if err != nil {
			return err
		}
		c.concerns(is.RunID, is.ShopID, is.LocationID)
		if err := is.Reassign(to); err != nil {
			return err
		}
		if err := c.tx.MoveContainer(ctx, container, to, store.Since{Valid: act.At, Known: c.known()}); err != nil {
			return err
		}
		c.concerns(is.RunID, is.ShopID, is.LocationID)
		c.result.Moved = []string{container}
		if err := c.courierCode(is.RunID, is.LocationID); err != nil {
			return err
		}
		return c.record("exception.move", container, fmt.Sprintf("%+v", to))
	})
}

// courierCode gives a run's driver a code for a location where the run had nothing to do before.
func (c *change) courierCode(run, location string) error {
	has, err := c.tx.HasCourierGrant(c.ctx, run, location)
	if err != nil || has {
		return err
	}
	r, err := c.tx.Run(c.ctx, run)
	if err == nil && len(r.Stops) == 0 || errors.Is(err, store.ErrNotFound) {
		return nil // a broken row, whose container is not to be loaded: nobody drives there
	}
	if err != nil {
		return err
	}
	delivery, err := c.tx.Delivery(c.ctx, c.result.Date, location)
	if err != nil {
		return err
	}
	taken, err := c.tx.CodesTaken(c.ctx, c.result.Date, location)
	if err != nil {
		return err
	}
	from, until := dispatch.CourierWindow(r.Stops[0].PlannedAt, delivery.PickupCloses)
	return c.tx.AddGrant(c.ctx, dispatch.Grant{ID: run + "-" + location, DeliveryDate: c.result.Date, LocationID: location,
		Holder: dispatch.Courier, RunID: run, PIN: dispatch.DrawPIN(taken), From: from, Until: until,
		IssuedAt: c.act.At})
}

// TakeOff calls an order off after cutoff.
func (s *Service) TakeOff(ctx context.Context, id string, act Act) (Result, error) {
	var date string
	err := s.Store.Read(ctx, func(tx *store.Tx) (err error) {
		date, err = tx.DateOfOrder(ctx, id)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return s.exception(ctx, date, act, func(c *change) error {
		if err := c.takeOff(id); err != nil {
			return err
		}
		return c.record("exception.take_off", id, "")
	})
}

// takeOff takes an order out of the numbering and calls it off, or is ErrAlready or ErrOver.
func (c *change) takeOff(id string) error {
	o := c.standing(id)
	switch o.State {
	case order.Accepted, order.Ready:
	case order.CalledOff:
		return fmt.Errorf("order %s is called off: %w", id, ErrAlready)
	default:
		return fmt.Errorf("order %s is %s: %w", id, o.State, ErrOver)
	}
	out, err := c.out(func(i capacity.Item) bool { return i.Order == id })
	if err != nil {
		return err
	}
	c.callOff(o).Change = out
	return nil
}

// KeepBack says that a container is not to be loaded, or is ErrAlready; LetGo that it may be after all.
func (s *Service) KeepBack(ctx context.Context, container string, act Act) (Result, error) {
	return s.mark(ctx, container, act, "exception.keep_back", func(tx *store.Tx, c dispatch.Container) error {
		kept, err := tx.KeptBack(ctx, c.DeliveryDate)
		if err != nil {
			return err
		}
		if reason, already := kept[c.ID]; already { // whose reason is on sheets by now
			return fmt.Errorf("container %s is kept back (%s): %w; to give another reason, let it go first", c.ID, reason, ErrAlready)
		}
		return tx.KeepBack(ctx, c, act.Reason, act.By, act.At)
	})
}

// LetGo takes KeepBack back.
func (s *Service) LetGo(ctx context.Context, container string, act Act) (Result, error) {
	return s.mark(ctx, container, act, "exception.let_go", func(tx *store.Tx, _ dispatch.Container) error {
		return tx.LetGo(ctx, container)
	})
}

func (s *Service) mark(ctx context.Context, container string, act Act, name string, fn func(*store.Tx, dispatch.Container) error) (Result, error) {
	date, err := s.dateOf(ctx, container)
	if err != nil {
		return Result{}, err
	}
	return s.exception(ctx, date, act, func(c *change) error {
		is, err := c.tx.Container(ctx, container)
		if err != nil {
			return err
		}
		if err := fn(c.tx, is); err != nil {
			return err
		}
		c.concerns(is.RunID, is.ShopID, is.LocationID)
		return c.record(name, container, "")
	})
}

// ledger is what the containers of a frozen date hold, while items are taken out one order after the other.
type ledger struct {
	units  map[string]int
	usedML map[string]int64
	volume map[string]int64 // by product
	box    map[string]capacity.Container
}

func (c *change) open() *ledger {
	if c.ledger != nil {
		return c.ledger
	}
	l := &ledger{map[string]int{}, map[string]int64{}, map[string]int64{}, map[string]capacity.Container{}}
	for _, p := range c.date.Network.Products {
		l.volume[p.ID] = p.VolumeML
	}
	for _, box := range c.date.State.Containers {
		l.box[box.ID], l.usedML[box.ID] = box, box.UsedML
	}
	for _, i := range c.date.State.Items {
		l.units[i.ContainerID]++
	}
	c.ledger = l
	return l
}

// out takes items out after cutoff. Everything else stays where it is: a container that holds nothing any more is closed only
// while no box stands for it.
func (c *change) out(which func(capacity.Item) bool) (capacity.Change, error) {
	l := c.open()
	var change capacity.Change
	var touched []string
	for _, i := range c.date.State.Items {
		if !which(i) {
			continue
		}
		change.Removed = append(change.Removed, i)
		if l.units[i.ContainerID]--; len(touched) == 0 || touched[len(touched)-1] != i.ContainerID {
			touched = append(touched, i.ContainerID)
		}
		l.usedML[i.ContainerID] = max(0, l.usedML[i.ContainerID]-l.volume[i.Product])
	}
	done := map[string]bool{}
	for _, id := range touched {
		if done[id] {
			continue
		}
		done[id] = true
		is, err := c.tx.Container(c.ctx, id)
		if err != nil {
			return change, err
		}
		c.concerns(is.RunID, is.ShopID, is.LocationID)
		box := l.box[id]
		if l.units[id] == 0 && is.State == dispatch.Planned {
			change.Closed = append(change.Closed, box)
			continue
		}
		box.UsedML = l.usedML[id]
		change.Filled = append(change.Filled, box)
	}
	return change, nil
}
