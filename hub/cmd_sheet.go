package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// PackingCmd prints what a shop packs for a date, container by container.
type PackingCmd struct {
	Date   string `help:"Delivery date, YYYY-MM-DD." required:""`
	Shop   string `help:"Id of the shop." required:""`
	DryRun bool   `help:"As it would be now: say what may still change."`

	TimeZone string `help:"Time zone of the printed times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run prints the list.
func (c *PackingCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return config.Usage(fmt.Errorf("--time-zone: %w", err))
	}
	return g.readDate(c.Date, func(tx *store.Tx) error {
		p, err := tx.Preview(g.Ctx, c.Date, g.Clock.Now())
		if err != nil {
			return err
		}
		l, err := tx.PackingList(g.Ctx, c.Date, c.Shop)
		if err != nil {
			return err
		}
		printPreview(g.Stdout, p, zone, c.DryRun)
		if err := printPacking(g.Stdout, l); err != nil {
			return err
		}
		return printEdition(g, tx, dispatch.OfShop, c.Shop, c.Date)
	})
}

// printEdition says which version of a sheet or list this is, and what the newest one has changed; nothing before there is one.
func printEdition(g *Globals, tx *store.Tx, kind dispatch.EditionKind, id, date string) error {
	all, err := tx.Editions(g.Ctx, kind, id, date, 2)
	if err != nil || len(all) == 0 {
		return err
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	if len(all) == 1 {
		fmt.Fprintf(w, "\nVersion %d of %s\n", all[0].Version, id)
		return w.Flush()
	}
	fmt.Fprintf(w, "\nVersion %d of %s replaces %d: %s\n", all[0].Version, id, all[1].Version, all[0].Reason)
	for _, d := range all[0].Content.Since(all[1].Content) {
		fmt.Fprintf(w, "\t%s\t%s\t%s\t→ %s\n", d.ContainerID, d.Field, d.Was, d.Is)
	}
	return w.Flush()
}

// printPacking prints a shop's list.
func printPacking(out io.Writer, l dispatch.PackingList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Packing list %s, %s (%s), hand in at %s: %s, %s\n",
		l.DeliveryDate, l.ShopName, l.ShopID, l.SpotName, plural.Of(len(l.Lines), "container"),
		plural.Of(l.Units(), "unit"))
	for _, line := range l.Lines {
		fmt.Fprintf(w, "\n%s\t%s\taddress %s\tfor %s\t%s\t%s\n", line.ID, line.Category, line.AddressID, line.Location, line.State, line.GRAI)
		printBroken(w, line.Broken)
		printProducts(w, line.Products)
	}
	for _, line := range l.Lost {
		fmt.Fprintf(w, "\n%s\n", line.ID)
		printBroken(w, line.Broken)
		printProducts(w, line.Products)
	}
	return w.Flush()
}

// SheetCmd prints the driver's sheet of a route's run.
type SheetCmd struct {
	Date     string `help:"Delivery date, YYYY-MM-DD." required:""`
	Route    string `help:"Id of the route." xor:"what" required:""`
	All      bool   `help:"All sheets and packing lists of the date, with a line for each run." xor:"what" required:""`
	DryRun   bool   `help:"As it would be now: say what may still change."`
	TimeZone string `help:"Time zone of the printed times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Run prints the sheet. Codes of locks are not printed: paper gets lost.
func (c *SheetCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return config.Usage(fmt.Errorf("--time-zone: %w", err))
	}
	if c.All {
		return c.all(g, zone)
	}
	return g.readDate(c.Date, func(tx *store.Tx) error {
		p, err := tx.Preview(g.Ctx, c.Date, g.Clock.Now())
		if err != nil {
			return err
		}
		run, err := tx.RunOfRoute(g.Ctx, c.Route, c.Date)
		if err != nil {
			return err
		}
		s, err := tx.Sheet(g.Ctx, run)
		if err != nil {
			return err
		}
		printPreview(g.Stdout, p, zone, c.DryRun)
		return c.whole(g, tx, s, zone)
	})
}

// whole prints a sheet with what is out of service, and with what its newest version has changed.
func (c *SheetCmd) whole(g *Globals, tx *store.Tx, s dispatch.Sheet, zone *time.Location) error {
	out, err := tx.OutOfRun(g.Ctx, s.Run)
	if err != nil {
		return err
	}
	for _, o := range out {
		fmt.Fprintf(g.Stdout, "OUT OF SERVICE: %s %s: %s\n", o.Kind, o.ID, o.Reason)
	}
	if err := printSheet(g.Stdout, s, zone); err != nil {
		return err
	}
	return printEdition(g, tx, dispatch.OfRun, s.ID, c.Date)
}

// printSheet prints a driver's sheet.
func printSheet(out io.Writer, s dispatch.Sheet, zone *time.Location) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Sheet %s, version %d, vehicle %s, driver %s\n", s.ID, s.Version, s.VehicleID, s.DriverID)
	for _, stop := range s.Stops {
		fmt.Fprintf(w, "\n%d  %s  %s (%s), planned %s\n", stop.Sequence, strings.ToUpper(string(stop.Kind)), stop.PlaceName, stop.PlaceID,
			stop.PlannedAt.In(zone).Format("2006-01-02 15:04 MST"))
		for _, line := range sheetLines(stop) {
			fmt.Fprintln(w, line)
		}
	}
	if len(s.Astray) > 0 {
		fmt.Fprintf(w, "\n%s: no stop of this run is for\n", dispatch.DoNotLoad)
		for _, c := range s.Astray {
			fmt.Fprintf(w, "\t%s %s\t%s\t→ %s\t%s\n", c.ID, c.GRAI, c.AddressID, c.SlotID, c.Broken.Text)
		}
	}
	return w.Flush()
}

// printBroken prints that a row must not be loaded. Nothing stands where nothing is wrong.
func printBroken(w io.Writer, b dispatch.Broken) {
	if b.Yes() {
		fmt.Fprintf(w, "\t%s\t%s\n", dispatch.DoNotLoad, b.Text)
	}
}

func printProducts(w io.Writer, products []dispatch.PackedProduct) {
	for _, p := range products {
		note := ""
		if p.Short > 0 {
			note = fmt.Sprintf("%d short", p.Short)
		}
		fmt.Fprintf(w, "\t%d ×\t%s\t%s\t%s\n", p.Units, p.Name, p.GTIN, note)
		if p.Barred > 0 {
			fmt.Fprintf(w, "\t%s\t%d ×: %s\n", dispatch.DoNotLoad, p.Barred, p.Broken.Text)
		}
	}
}

func sheetLines(stop dispatch.SheetStop) []string {
	var lines []string
	for _, c := range stop.Containers {
		if c.Broken.Yes() {
			lines = append(lines, fmt.Sprintf("\t%s\t→ %s %s\t%s", dispatch.DoNotLoad, c.ID, c.GRAI, c.Broken.Text))
			continue
		}
		if stop.Kind == dispatch.Collect {
			lines = append(lines, fmt.Sprintf("\t%s\t→ %s %s\t→ %s\t%s", c.AddressID, c.ID, c.GRAI, c.ShipperID, c.State))
			continue
		}
		lines = append(lines, fmt.Sprintf("\t%s\t→ %s %s\t→ %s\t%s", c.ShipperID, c.ID, c.GRAI, c.SlotID, c.State))
	}
	return lines
}

// checkDate refuses what is no date.
func checkDate(date string) error {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return config.Usage(fmt.Errorf("--date %q: want YYYY-MM-DD", date))
	}
	return nil
}

// readDate opens the store for one look at a date that has deliveries.
func (g *Globals) readDate(date string, fn func(*store.Tx) error) error {
	if err := checkDate(date); err != nil {
		return err
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
