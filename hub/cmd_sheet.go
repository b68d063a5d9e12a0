package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/store"
)

// PackingCmd prints what a shop packs for a date, container by container.
type PackingCmd struct {
	Date string `help:"Delivery date, YYYY-MM-DD." required:""`
	Shop string `help:"Id of the shop." required:""`
}

// Run prints the list.
func (c *PackingCmd) Run(g *Globals) error {
	var l dispatch.PackingList
	if err := g.readDate(c.Date, func(tx *store.Tx) (err error) {
		l, err = tx.PackingList(g.Ctx, c.Date, c.Shop)
		return err
	}); err != nil {
		return err
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Packing list %s, %s (%s), hand in at %s: %d containers, %d units\n",
		l.DeliveryDate, l.ShopName, l.ShopID, l.SpotName, len(l.Lines), l.Units())
	for _, line := range l.Lines {
		fmt.Fprintf(w, "\n%s\t%s\taddress %s\tfor %s\t%s\t%s\n", line.ID, line.Category, line.AddressID, line.Location, line.State, line.GRAI)
		for _, p := range line.Products {
			short := ""
			if p.Short > 0 {
				short = fmt.Sprintf("%d short", p.Short)
			}
			fmt.Fprintf(w, "\t%d ×\t%s\t%s\t%s\n", p.Units, p.Name, p.GTIN, short)
		}
	}
	return w.Flush()
}

// SheetCmd prints the driver's sheet of a route's run.
type SheetCmd struct {
	Date     string `help:"Delivery date, YYYY-MM-DD." required:""`
	Route    string `help:"Id of the route." required:""`
	TimeZone string `help:"Time zone of the printed times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run prints the sheet. Codes of locks are not printed: paper gets lost.
func (c *SheetCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("--time-zone: %w", err)
	}
	var s dispatch.Sheet
	if err := g.readDate(c.Date, func(tx *store.Tx) error {
		run, err := tx.RunOfRoute(g.Ctx, c.Route, c.Date)
		if err != nil {
			return err
		}
		s, err = tx.Sheet(g.Ctx, run)
		return err
	}); err != nil {
		return err
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Sheet %s, version %d, vehicle %s, driver %s\n", s.ID, s.Version, s.VehicleID, s.DriverID)
	for _, stop := range s.Stops {
		fmt.Fprintf(w, "\n%d  %s  %s (%s), planned %s\n", stop.Sequence, strings.ToUpper(string(stop.Kind)), stop.PlaceName, stop.PlaceID,
			stop.PlannedAt.In(zone).Format("2006-01-02 15:04 MST"))
		for _, line := range sheetLines(stop) {
			fmt.Fprintln(w, line)
		}
	}
	return w.Flush()
}

func sheetLines(stop dispatch.SheetStop) []string {
	var lines []string
	for _, c := range stop.Containers {
		if stop.Kind == dispatch.Collect {
			lines = append(lines, fmt.Sprintf("\t%s\t→ %s %s\t→ %s\t%s", c.AddressID, c.ID, c.GRAI, c.ShipperID, c.State))
			continue
		}
		lines = append(lines, fmt.Sprintf("\t%s\t→ %s %s\t→ %s\t%s", c.ShipperID, c.ID, c.GRAI, c.SlotID, c.State))
	}
	return lines
}

// readDate opens the store for one look at a date that has deliveries.
func (g *Globals) readDate(date string, fn func(*store.Tx) error) error {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return fmt.Errorf("--date %q: want YYYY-MM-DD", date)
	}
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	return s.Read(g.Ctx, func(tx *store.Tx) error {
		if _, err := tx.DateMark(g.Ctx, date); err != nil {
			return fmt.Errorf("--date %s: %w", date, err)
		}
		return fn(tx)
	})
}
