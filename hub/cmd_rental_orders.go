package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
)

// RentalOrdersCmd lists orders.
type RentalOrdersCmd struct {
	State string `help:"open, shipped, returned, closed or cancelled." enum:"open,shipped,returned,closed,cancelled,all" default:"open"`
}

// Run lists them.
func (c *RentalOrdersCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.RentalOrders(g.Ctx, strings.TrimPrefix(c.State, "all"), "", store.MaxPage)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, o := range all {
				p, fault := tx.RentalProgress(g.Ctx, o.ID)
				err = errors.Join(err, fault)
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.ID, o.ShipDate, o.State, o.Customer, o.Tote, progress(p[o.ID]))
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// progress says what has become of an order's pieces; nothing before it has some.
func progress(p store.Progress) string {
	if p.Pieces() == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d back", p.Returned, p.Pieces())
	if p.Sold > 0 {
		text += fmt.Sprintf(", %d sold", p.Sold)
	}
	if p.Lost > 0 {
		text += fmt.Sprintf(", %d lost", p.Lost)
	}
	return text
}

// RentalOrderCmd prints an order.
type RentalOrderCmd struct {
	Order string `arg:""`
}

// Run prints it.
func (c *RentalOrderCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			o, err := tx.RentalOrder(g.Ctx, c.Order)
			if err != nil {
				return err
			}
			p, err := tx.RentalProgress(g.Ctx, o.ID)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "%s\t%s\t%s\tcustomer %s\ttote %s\t%s\n", o.ID, o.ShipDate, o.State, o.Customer, o.Tote, progress(p[o.ID]))
			return errors.Join(g.rentalLines(w, tx, o.ID), w.Flush())
		})
	})
}

func (g *Globals) rentalLines(w io.Writer, tx *store.Tx, order string) error {
	lines, err := tx.RentalLines(g.Ctx, order)
	if err != nil {
		return err
	}
	ends, err := tx.RentalEnds(g.Ctx, order)
	if err != nil {
		return err
	}
	for _, l := range lines {
		where := ""
		if l.Piece != "" {
			where = rental.CustodyName(l.Custody) + " " + l.Place
		}
		for _, e := range ends {
			if e.Line == l.Line && l.Piece == "" {
				l.Piece, where = e.Item, e.How+" "+timeOrDash(e.Ended)
			}
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", l.Line, l.GTIN, l.Piece, where)
	}
	charges, err := tx.RentalCharges(g.Ctx, order)
	for _, c := range charges {
		fmt.Fprintf(w, "%s\t\t%s\t¥%d settled %s %s\n", c.Kind, c.Item, c.Yen, timeOrDash(c.Settled), c.Note)
	}
	return err
}

// RentalSellCmd sells a piece (買取).
type RentalSellCmd struct {
	Item string `arg:""`
	Yen  *int64 `help:"What the customer owes (default: the price of the garment; 0: nothing)."`
}

// Run sells it.
func (c *RentalSellCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("sell", id, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Sell(g.Ctx, tx, id, c.Yen, people.Console, now)
	})
}

// RentalLoseCmd declares a piece lost.
type RentalLoseCmd struct {
	Item   string `arg:""`
	Reason string `help:"Why." required:""`
	Yen    *int64 `help:"What the customer owes who had it (default: the price of the garment; 0: nothing)."`
}

// Run declares it.
func (c *RentalLoseCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("lose", id, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Lose(g.Ctx, tx, id, c.Yen, people.Console, c.Reason, now)
	})
}

// RentalChargesCmd lists charges.
type RentalChargesCmd struct{}

// Run lists them.
func (c *RentalChargesCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.OpenRentalCharges(g.Ctx, store.MaxPage)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, c := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t¥%d\tsince %s\n", c.Order, c.Item, c.Kind, c.Yen, timeOrDash(c.Made))
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// RentalSettleCmd settles a charge.
type RentalSettleCmd struct {
	Order string `arg:""`
	Item  string `arg:""`
	Note  string `help:"How: paid by card, waived, …" required:""`
}

// Run settles it.
func (c *RentalSettleCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("settle", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.SettleCharge(g.Ctx, tx, c.Order, id, people.Console, c.Note, now)
	})
}
