package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// printPreview says how final what follows is: no paper looks final that is not. With more it says what may still change.
func printPreview(w io.Writer, p dispatch.Preview, zone *time.Location, more bool) {
	stamp := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05 MST") }
	switch {
	case p.Frozen:
		fmt.Fprintf(w, "FINAL, read at %s: numbering is frozen, only recorded exceptions change it. %s.\n", stamp(p.At), plural.Of(p.Accepted, "order"))
	case !more:
		fmt.Fprintf(w, "NOT FINAL, read at %s: until the cutoff at %s orders come, change and leave.\n", stamp(p.At), stamp(p.Cutoff))
	default:
		fmt.Fprintf(w, "PREVIEW of %s at %s: %s accepted, %d held.\n", p.DeliveryDate, stamp(p.At), plural.Of(p.Accepted, "order"), p.Held)
		if p.Held > 0 {
			fmt.Fprintf(w, "Held orders are in it: they stay if they are paid, and leave if not, the last one at %s.\n", stamp(p.LastHold))
		}
		fmt.Fprintf(w, "Until the cutoff at %s orders come, change and leave, and containers may move.\n", stamp(p.Cutoff))
	}
	if n := p.Broken(); n > 0 {
		fmt.Fprintf(w, "Something on the way of %s is out of service: %s.\n", plural.Of(n, "container"), dispatch.DoNotLoad)
	}
	for _, c := range p.NoSheet {
		fmt.Fprintf(w, "%s, on no sheet: %s %s: %s\n", dispatch.DoNotLoad, c.ID, c.GRAI, c.Broken.Text)
	}
	fmt.Fprintln(w)
}

// runLine is a run in numbers.
func runLine(r dispatch.RunSummary) string {
	line := fmt.Sprintf("%s\tversion %d\t%s\t%s\t%s\tshippers %d of %d\t", r.RunID, r.Version, plural.Of(r.Stops, "stop"),
		plural.Of(r.Containers, "container"), plural.Of(r.Units, "unit"), r.Taken(), r.Places())
	if r.OnlyHeld > 0 {
		line += plural.Of(r.OnlyHeld, "container") + " of held orders only "
	}
	if r.Out > 0 {
		line += fmt.Sprintf("%d out of service", r.Out)
	}
	return line
}

// all prints every sheet and packing list of the date.
func (c *SheetCmd) all(g *Globals, zone *time.Location) error {
	return g.readDate(c.Date, func(tx *store.Tx) error {
		p, err := tx.Preview(g.Ctx, c.Date, g.Clock.Now())
		if err != nil {
			return err
		}
		printPreview(g.Stdout, p, zone, c.DryRun)
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		for _, r := range p.Runs {
			fmt.Fprintln(w, runLine(r))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, r := range p.Runs {
			s, err := tx.Sheet(g.Ctx, r.RunID)
			if err != nil {
				return err
			}
			fmt.Fprintln(g.Stdout)
			if err := c.whole(g, tx, s, zone); err != nil {
				return err
			}
		}
		for _, shop := range p.Shops {
			l, err := tx.PackingList(g.Ctx, c.Date, shop.ShopID)
			if err != nil {
				return err
			}
			fmt.Fprintln(g.Stdout)
			if err := printPacking(g.Stdout, l); err != nil {
				return err
			}
			if err := printEdition(g, tx, dispatch.OfShop, shop.ShopID, c.Date); err != nil {
				return err
			}
		}
		return nil
	})
}
