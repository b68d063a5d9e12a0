package main

import (
	"errors"
	"fmt"
	"time"

	"meguri/hub/order"
	"meguri/hub/people"
)

// OrderShowCmd is `hub order show`.
type OrderShowCmd struct {
	ID string `arg:"" help:"Order."`
}

// Run prints the order.
func (c *OrderShowCmd) Run(g *Globals) (err error) {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o, err := order.NewService(s.Orders()).Get(g.Ctx, c.ID)
	if err != nil {
		return aboutOrder("show", c.ID, err)
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(g.Stdout, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("order", "%s, %s, %s on %s", o.ID, o.State, o.LocationID, o.DeliveryDate)
	if o.State == order.Refused {
		line("limit", "%s of %s", o.Limit, o.What)
	}
	line("placed", "%s by %s", o.PlacedAt.Format(time.RFC3339), o.PlacedBy)
	if !o.HoldUntil.IsZero() {
		line("held", "until %s", o.HoldUntil.Format(time.RFC3339))
	}
	if !o.EndedAt.IsZero() {
		line("ended", "%s %s", o.EndedAt.Format(time.RFC3339), o.EndReason)
	}
	for i, l := range o.Lines {
		line("line", "%d: %d of %s, %d withdrawn, %d yen each", i+1, l.Quantity, l.ProductID, o.LineStates[i].Withdrawn, o.LineStates[i].UnitPriceYen)
	}
	for _, i := range o.Items {
		line("item", "%d.%d %s in %s, address %s, shipper %s of %s, slot %s", i.Line, i.Unit, i.ProductID, i.ContainerID, i.AddressID,
			i.ShipperID, i.RunID, i.SlotID)
	}
	return nil
}

// aboutOrder says what could not be done with which order; that there is none says so itself.
func aboutOrder(verb, id string, err error) error {
	if errors.Is(err, order.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%s order %s: %w", verb, id, err)
}

// OrderCancelCmd is `hub order cancel`.
type OrderCancelCmd struct {
	ID     string `arg:"" help:"Order."`
	Reason string `help:"Why; kept with the order." default:"cancelled by the office"`
}

// Help is shown by hub order cancel --help.
func (*OrderCancelCmd) Help() string {
	return `Ends an order that is held or accepted and frees what it takes. From its location's cutoff on it is refused, for then its
goods are being prepared. Cancelling again is harmless. A hub that runs on the database learns of it.`
}

// Run cancels the order.
func (c *OrderCancelCmd) Run(g *Globals) (err error) {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	orders := order.NewService(s.Orders()).WithClock(g.Clock.Now)
	out, err := orders.Cancel(g.Ctx, c.ID, people.Console, c.Reason, g.Clock.Now())
	if err != nil {
		return aboutOrder("cancel", c.ID, err)
	}
	before := ""
	if out.Repeated {
		before = ", as it was before"
	}
	_, err = fmt.Fprintf(g.Stdout, "order %s for %s is %s%s\n", out.OrderID, out.DeliveryDate, out.State, before)
	return err
}
