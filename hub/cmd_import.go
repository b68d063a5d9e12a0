package main

import (
	"errors"
	"fmt"
	"os"

	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// ImportCmd is `hub import`: it loads a network from CSV files.
type ImportCmd struct {
	Dir string `arg:"" type:"existingdir" help:"Directory with the CSV files of a network."`
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
ignore_start_minutes and ignore_end_minutes. The file replaces all rules that are stored; without it they stay.`
}

// Run imports the network.
func (c *ImportCmd) Run(g *Globals) (err error) {
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
	err = s.Change(g.Ctx, func(tx *store.Tx) (err error) {
		if done, err = tx.ImportNetwork(g.Ctx, n); err != nil {
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
