package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// HistoryCmd is `hub history`: how a location's containers stood at some moment.
type HistoryCmd struct {
	Location     string `help:"Id of the location." required:""`
	Date         string `help:"Delivery date, YYYY-MM-DD." required:""`
	AsKnownAt    string `help:"As the hub knew it then: a time such as 2026-12-01T09:00:00+09:00, or a date (default: now)." placeholder:"TIME"`
	At           string `help:"How it was at this time (default: that of --as-known-at)." placeholder:"TIME"`
	OnlyModified bool   `name:"changed" help:"Only what is different now."`
	TimeZone     string `help:"Time zone of dates and printed times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Help is shown by hub history --help.
func (*HistoryCmd) Help() string {
	return `Prints the containers of a location on a delivery date as they stood at a time, as far as was known at a time, and what is
different now. Both times count: a numbering that was corrected later, or word of a device that came late, shows only to those
who ask for what was known after that.`
}

// Run prints the containers.
func (c *HistoryCmd) Run(g *Globals) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return config.Usage(fmt.Errorf("--time-zone: %w", err))
	}
	now := g.Clock.Now()
	known, err := momentOr(c.AsKnownAt, now, zone)
	if err != nil {
		return config.Usage(fmt.Errorf("--as-known-at: %w", err))
	}
	valid, err := momentOr(c.At, known, zone)
	if err != nil {
		return config.Usage(fmt.Errorf("--at: %w", err))
	}
	var then, today []dispatch.Past
	if err := g.readDate(c.Date, func(tx *store.Tx) (err error) {
		if then, err = tx.History(g.Ctx, c.Location, c.Date, known, valid); err != nil {
			return err
		}
		today, err = tx.History(g.Ctx, c.Location, c.Date, now, now)
		return err
	}); err != nil {
		return err
	}
	const stamp = "2006-01-02 15:04:05 MST"
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s on %s, at %s, as known at %s: %s\n", c.Location, c.Date, valid.In(zone).Format(stamp),
		known.In(zone).Format(stamp), plural.Of(len(then), "container"))
	for _, l := range dispatch.Compare(then, today) {
		if p := l.Either(); !c.OnlyModified || !l.Same() {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.SlotID, p.ContainerID, p.ShopID, p.Category, p.ShipperID, p.AddressID,
				plural.Of(p.Items, "unit"), p.State, sinceThen(l))
		}
	}
	return w.Flush()
}

// momentOr reads a time, or takes another when the text is empty.
func momentOr(text string, otherwise time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	return moment(text, zone)
}

// sinceThen says what is different now; empty when nothing is.
func sinceThen(l dispatch.PastLine) string {
	switch {
	case l.Then == nil:
		return "not there then"
	case l.Now == nil:
		return "now gone"
	}
	var all []string
	for _, f := range l.Differs {
		now := map[dispatch.Field]string{dispatch.FieldSlot: l.Now.SlotID, dispatch.FieldRun: l.Now.RunID,
			dispatch.FieldShipper: l.Now.ShipperID, dispatch.FieldAddress: l.Now.AddressID, dispatch.FieldState: string(l.Now.State),
			dispatch.FieldItems: plural.Of(l.Now.Items, "unit")}[f]
		all = append(all, "now "+now)
	}
	return strings.Join(all, ", ")
}
