package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/door"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
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
	return printCodes(g, s, c.ID, line)
}

// printCodes says how far the order's door codes have come, without the codes.
func printCodes(g *Globals, s *store.Store, id string, line func(name, format string, args ...any)) error {
	return s.Read(g.Ctx, func(tx *store.Tx) error {
		codes, err := tx.CodesOfOrder(g.Ctx, id)
		for _, r := range codes {
			what := fmt.Sprintf("%s, until %s", r.State(), r.Until.Format(time.RFC3339))
			if !r.RevokedAt.IsZero() {
				what += ", taken back " + r.RevokedAt.Format(time.RFC3339)
			}
			if waits := r.WaitsFor(); len(waits) > 0 {
				what += ", waits for " + strings.Join(waits, ", ")
			}
			if r.Risk.By != "" {
				what += fmt.Sprintf(", money let go by %s: %s", r.Risk.By, r.Risk.Reason)
			}
			line("code", "%s", what)
		}
		return err
	})
}

// OrderRiskCmd is `hub order take-risk`.
type OrderRiskCmd struct {
	ID     string `arg:"" help:"Order."`
	Reason string `help:"Why; kept with the order." required:""`
}

// Help is shown by hub order take-risk --help.
func (*OrderRiskCmd) Help() string {
	return `The money of an order that ended after its door code was drawn goes back once no lock takes the code any more, and stays where it
is when the code opened a door. This lets it go all the same.`
}

// Run lets the money go; a hub that runs does it.
func (c *OrderRiskCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		doors := door.Service{Store: s}
		err := doors.TakeRisk(g.Ctx, c.ID, door.Act{By: people.Console, Reason: c.Reason, At: g.Clock.Now()})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "the money of order %s does not wait for its code any more\n", c.ID)
		return err
	})
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
