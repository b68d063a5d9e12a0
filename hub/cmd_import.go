package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"meguri/hub/bulk"
	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/durable"
	"meguri/internal/plural"
)

// ImportCmd is `hub import`: it loads a network from CSV files.
type ImportCmd struct {
	Dir      string `arg:"" type:"existingdir" help:"Directory with the CSV files of a network, of rental warehouses, or of both."`
	Outcomes string `help:"Where the outcome of each row of a rental warehouse's files is written, as CSV." type:"path" placeholder:"FILE"`
	inBusiness
}

// Help is shown by hub import --help.
func (*ImportCmd) Help() string {
	return `Loads the network: temperature_categories.csv, temperature_limits.csv, collection_spots.csv, depots.csv, locations.csv,
shops.csv, products.csv, fridges.csv, slots.csv, collection_addresses.csv, routes.csv, route_stops.csv, shippers.csv and
deliveries.csv. All of it or nothing: what is wrong is told with file, row and column. Loading again is harmless; changed rows
are changed where nothing needs them as they were, and rows that the files do not have stay. Columns may stand in any order;
those that are not known are left alone, with a note. temperature_limits.csv may say gap_minutes (how long a leg may go without a
valid reading; as long as minutes_outside when it is empty), in_doubt (hold or pass: what is done with goods beyond that);
and unstated (pass or hold, of the leg shipper: what a station does with goods that are handed in without their shipper's statement).

temperature_rules.csv may be there besides: when the air of a category on a leg is an alarm, by kind (instant, consecutive, cumulative,
kinetic), min_celsius or max_celsius or both, minutes, and if you like deadband_celsius, on_delay_minutes, off_delay_minutes,
ignore_start_minutes and ignore_end_minutes. The file replaces all rules that are stored; without it they stay.

Of rental warehouses: warehouses.csv, warehouse_shelves.csv, operators.csv, garments.csv, rental_items.csv and rental_orders.csv, as
many of them as there are. There each row stands for itself: one that is wrong is refused and told, the others are taken.
rental_items.csv: a piece with a shelf_id is taken into stock as inspected and ready to be let; without one it is only registered.`
}

// Run imports what there is.
func (c *ImportCmd) Run(g *Globals) (err error) {
	files := os.DirFS(c.Dir)
	rentalToo := bulk.HasRental(files)
	if rentalToo && !hasNetwork(files) {
		return c.rental(g)
	}
	if err := c.network(g); err != nil || !rentalToo {
		return err
	}
	return c.rental(g)
}

// hasNetwork says whether there is any file that a network cannot do without.
func hasNetwork(files fs.FS) bool {
	for _, file := range []string{bulk.CategoriesFile, bulk.LocationsFile, bulk.ShopsFile, bulk.ProductsFile, bulk.FridgesFile, bulk.RoutesFile} {
		if _, err := fs.Stat(files, file); err == nil {
			return true
		}
	}
	return false
}

// mostTold is how many refused rows are told on the terminal.
const mostTold = 20

// rental imports the files of rental warehouses.
func (c *ImportCmd) rental(g *Globals) (err error) {
	n := bulk.ReadRental(os.DirFS(c.Dir))
	s, err := g.MakeStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	places := map[string]bool{}
	keeper := &rental.Keeper{Changed: func(_ *store.Tx, warehouse string) { places[warehouse] = true }}
	ctx, err := c.own(g, s)
	if err != nil {
		return err
	}
	done, err := keeper.Import(ctx, s, n, people.Console, g.Clock.Now())
	if err != nil {
		return fmt.Errorf("import of %s: %w; import it again to go on", c.Dir, err)
	}
	if err := s.Change(g.Ctx, func(tx *store.Tx) error {
		return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "rental.import", "rental", c.Dir))
	}); err != nil {
		return err
	}
	for _, note := range n.Notes {
		fmt.Fprintln(g.Stdout, "note:", note)
	}
	fmt.Fprintf(g.Stdout, "imported %s, %s, %s, %s, %s, %s: %d new, %d changed, %d as before, %d refused\n",
		plural.Of(len(n.Warehouses), "warehouse"), plural.Of(len(n.Shelves), "shelf place"), plural.Of(len(n.Operators), "operator"),
		plural.Of(len(n.Garments), "garment"), plural.Of(len(n.Items), "piece"), plural.Of(len(n.Orders), "order"),
		done.New, done.Changed, done.Same, done.Refuse)
	if c.Outcomes != "" {
		if err := durable.Replace(c.Outcomes, 0o600, func(w io.Writer) error { return bulk.WriteOutcomes(w, done.Outcomes) }); err != nil {
			return err
		}
	}
	if err := makePlans(g, s, places); err != nil {
		return err
	}
	return refusedRows(g, c.Dir, done)
}

// refusedRows tells the first rows that were refused, and is an error when there are any: the others were taken.
func refusedRows(g *Globals, dir string, done rental.Imported) error {
	told := 0
	for _, o := range done.Outcomes {
		if o.Outcome == bulk.RowRefused && told < mostTold {
			fmt.Fprintln(g.Stdout, "refused:", o.Why)
			told++
		}
	}
	if done.Refuse == 0 {
		return nil
	}
	return fmt.Errorf("%s of %s refused; the other rows were taken", plural.Of(done.Refuse, "row"), dir)
}

// makePlans makes the plans of the devices at some places.
func makePlans(g *Globals, s *store.Store, places map[string]bool) (err error) {
	maker := plan.NewMaker(s, live.New(), g.Clock, g.Logger)
	for place := range places {
		err = errors.Join(err, maker.Make(g.Ctx, place))
	}
	return err
}

// network imports the network.
func (c *ImportCmd) network(g *Globals) (err error) {
	n, err := bulk.ReadNetwork(os.DirFS(c.Dir))
	if err != nil {
		return fmt.Errorf("nothing was imported from %s:\n%w", c.Dir, err)
	}
	s, err := g.MakeStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var done bulk.Imported
	ctx, err := c.own(g, s)
	if err != nil {
		return err
	}
	err = s.Change(ctx, func(tx *store.Tx) (err error) {
		if done, err = tx.ImportNetwork(ctx, n); err != nil {
			return err
		}
		return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "network.import", "network", c.Dir))
	})
	if err != nil {
		return fmt.Errorf("nothing was imported from %s: %w", c.Dir, err)
	}
	for _, note := range n.Notes {
		fmt.Fprintln(g.Stdout, "note:", note)
	}
	_, err = fmt.Fprintf(g.Stdout, "imported %s, %s, %s, %s, %s, %s, %s, %s, %s on %s (%d kept their runs)\n", plural.Of(len(n.Locations), "location"),
		plural.Of(len(n.Shops), "shop"), plural.Of(len(n.Products), "product"), plural.Of(len(n.Fridges), "fridge"), plural.Of(len(n.Slots), "slot"),
		plural.Of(len(n.Addresses), "address"), plural.Of(len(n.Routes), "route"), plural.Of(len(n.Shippers), "shipper"),
		plural.Of(len(n.Deliveries), "delivery"), plural.Of(done.Dates, "date"), done.RunsKept)
	return err
}
