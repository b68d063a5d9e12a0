package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/durable"
	"meguri/internal/plural"
)

// OrderCmd looks after orders: `hub order import`, `hub order show`, `hub order cancel`.
type OrderCmd struct {
	Show   OrderShowCmd   `cmd:"" help:"Show an order, what became of it, and where its items are."`
	Cancel OrderCancelCmd `cmd:"" help:"Cancel an order before its cutoff."`

	TakeRisk OrderRiskCmd   `cmd:"" help:"Let money go that waits for the door code of an order that ended."`
	Import   OrderImportCmd `cmd:"" help:"Place the orders of a CSV file and write what became of each."`
}

// OrderImportCmd is `hub order import`.
type OrderImportCmd struct {
	Outcome string `help:"CSV file to write: order_id, delivery_date, outcome, limit." required:"" type:"path" placeholder:"OUT.csv"`
	File    string `arg:"" type:"existingfile" help:"CSV file of order lines."`
}

// Help is shown by hub order import --help.
func (*OrderImportCmd) Help() string {
	return `Places the orders in the file's order, each taken as having arrived now, or just before its delivery's cutoff where that is
over, and accepts or refuses each whole. Columns: order_id, delivery_date, customer_id, location_id, product_id, quantity; the rows
of an order follow each other. What is wrong with the file is told with row and column before anything is placed. Orders that
were decided before are skipped and keep their outcome, so running again writes the same file.`
}

// Run places the orders.
func (c *OrderImportCmd) Run(g *Globals) (err error) {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var known bulk.Known
	err = s.Read(g.Ctx, func(tx *store.Tx) (err error) {
		known, err = tx.KnownToOrders(g.Ctx)
		return err
	})
	if err != nil {
		return err
	}
	rows, notes, err := c.read(known)
	if err != nil {
		return fmt.Errorf("no order was placed:\n%w", err)
	}
	for _, note := range notes {
		fmt.Fprintln(g.Stdout, "note:", note)
	}
	begun := time.Now() // the machine's clock: this measures the machine
	placed, err := bulk.PlaceOrders(g.Ctx, order.NewService(s.Orders()).WithClock(g.Clock.Now), filepath.Base(c.File), rows, known, people.Console,
		g.Clock.Now())
	took := time.Since(begun)
	if err != nil {
		return fmt.Errorf("%s placed, then: %w", plural.Of(placed.New, "order"), err)
	}
	err = s.Change(g.Ctx, func(tx *store.Tx) error {
		return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "orders.import", "orders", c.File))
	})
	if err != nil {
		return err
	}
	if err := c.write(placed); err != nil {
		return err
	}
	return c.summary(g, placed, took)
}

func (c *OrderImportCmd) read(known bulk.Known) (rows []bulk.Row[order.Request], notes []string, err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return bulk.ReadOrders(f, filepath.Base(c.File), known)
}

// write replaces the file whole, so that nobody ever reads half of it.
func (c *OrderImportCmd) write(placed bulk.Placed) error {
	return durable.Replace(c.Outcome, 0o600, placed.Write)
}

func (c *OrderImportCmd) summary(g *Globals, p bulk.Placed, took time.Duration) error {
	fmt.Fprintf(g.Stdout, "%s: %d accepted, %d refused", plural.Of(len(p.Outcomes), "order"), p.Accepted(), len(p.Outcomes)-p.Accepted())
	for _, limit := range capacity.Limits() {
		fmt.Fprintf(g.Stdout, ", %s %d", limit, p.Refused(limit))
	}
	if p.Movers > 0 {
		fmt.Fprintf(g.Stdout, "; for %d of them items and containers were moved, %s", p.Movers, plural.Of(p.Moves, "move"))
	}
	if p.New == 0 {
		_, err := fmt.Fprintln(g.Stdout, "; all had been decided before")
		return err
	}
	_, err := fmt.Fprintf(g.Stdout, "; %d decided now in %.1f s, %.0f orders a second\n", p.New, took.Seconds(),
		float64(p.New)/took.Seconds())
	return err
}
