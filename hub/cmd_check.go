package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/check"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// CheckCmd is `hub check`: what is broken in future assignments, and how to repair it.
type CheckCmd struct {
	Date   []string `help:"Only these delivery dates, YYYY-MM-DD (default: all that are not over)." placeholder:"DATE"`
	Format string   `help:"table or json." enum:"table,json" default:"table"`
	Repair bool     `help:"Show the proposed repairs as differences."`
	Apply  []string `help:"With --repair: apply these repairs, by id, or all." placeholder:"ID"`
}

// Help is shown by hub check --help.
func (*CheckCmd) Help() string {
	return `Looks at the rows of future deliveries with the rules of the physical world: what a run calls at, what may stand where, what
fits, what is given twice, what is missing, what holds without a right to. It shares no code with what numbers orders, and it
changes nothing. Status 0: nothing is wrong; 1: something is (a limit that was lowered below what is sold is only told).

With --repair each proposed repair is shown row by row, before and after. --apply ID,… applies those, each in a transaction of its
own, and --apply all as many as there are. An id that is not shown any more is refused, and then none is applied. One that fails,
since the rows have changed or allow it no more, is told at the end with the reason (status 1); the others are applied. After the end of numbering the runs concerned get a new version of their sheets.`
}

// Validate is asked by the command line.
func (c *CheckCmd) Validate() error {
	for _, d := range c.Date {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			return fmt.Errorf("--date %q: want YYYY-MM-DD", d)
		}
	}
	if len(c.Apply) > 0 && !c.Repair {
		return errors.New("--apply goes with --repair")
	}
	return nil
}

// Run looks, and repairs what it is told to.
func (c *CheckCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		if err := c.known(g, s); err != nil {
			return err
		}
		slices.Sort(c.Date)
		c.Date = slices.Compact(c.Date)
		service := check.NewService(s.Checks())
		begun := time.Now() // the machine's clock: this measures the machine
		r, err := service.Look(g.Ctx, g.Clock.Now(), c.Date...)
		if err != nil {
			return err
		}
		repairs := &repairing{g: g, service: service, plans: plan.NewMaker(s, live.New(), g.Clock, g.Logger), quiet: c.Format == "json"}
		if len(c.Apply) > 0 {
			if err := c.apply(repairs, r); err != nil {
				return errors.Join(repairs.errs(), err)
			}
			if r, err = service.Look(g.Ctx, g.Clock.Now(), c.Date...); err != nil {
				return errors.Join(repairs.errs(), err)
			}
		}
		err = c.print(g, r, time.Since(begun))
		if n := wrong(r); err == nil && n > 0 {
			err = errors.New(plural.Of(n, "finding"))
		}
		return errors.Join(repairs.errs(), err)
	})
}

// known refuses dates that there are not: a mistyped one would look clean.
func (c *CheckCmd) known(g *Globals, s *store.Store) error {
	return s.Read(g.Ctx, func(tx *store.Tx) error {
		for _, d := range c.Date {
			if _, err := tx.DateMark(g.Ctx, d); errors.Is(err, order.ErrNoDelivery) {
				return config.Usage(fmt.Errorf("--date %s: %w", d, err))
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}

// wrong is how many findings something has to be done about.
func wrong(r check.Report) int {
	n := r.Omitted
	for _, f := range r.Findings {
		if f.Severity() != check.Noticed {
			n++
		}
	}
	return n
}

func (c *CheckCmd) print(g *Globals, r check.Report, took time.Duration) error {
	if c.Format == "json" {
		return c.json(g, r)
	}
	if err := c.table(g, r); err != nil {
		return err
	}
	if c.Repair {
		told := map[string]bool{"": true}
		for _, f := range r.Findings {
			if !told[f.Repair.ID] { // one repair may be for several findings
				told[f.Repair.ID] = true
				fmt.Fprintf(g.Stdout, "repair %s: %s\n", f.Repair.ID, f.Text())
				printDifferences(g.Stdout, f.Repair)
			}
		}
	}
	if r.Omitted > 0 {
		fmt.Fprintf(g.Stdout, "not listed: %s\n", plural.Of(r.Omitted, "more finding"))
	}
	result := "nothing is wrong"
	if n := wrong(r); n > 0 {
		result = plural.Of(n, "finding")
	}
	_, err := fmt.Fprintf(g.Stdout, "%s, %s, %s, %s in %.1f s: %s\n", plural.Of(r.Count.Dates, "date"), plural.Of(r.Count.Containers, "container"),
		plural.Of(r.Count.Orders, "order"), plural.Of(r.Count.Items, "item"), took.Seconds(), result)
	return err
}

func printDifferences(w io.Writer, r check.Repair) {
	for _, d := range r.Differences() {
		fmt.Fprintln(w, "  "+d.String())
	}
}

func (c *CheckCmd) table(g *Globals, r check.Report) error {
	if r.Clean() {
		return nil
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SEVERITY\tDATE\tDEPARTS IN\tREPAIR\tFINDING\tORDERS")
	now := g.Clock.Now()
	for _, f := range r.Findings {
		repair := f.Repair.ID
		if repair == "" {
			repair = "none"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Severity(), f.Date, departsIn(f, now), repair, f.Text(), ordersText(f))
		for _, row := range f.Rows {
			fmt.Fprintf(w, "\t\t\t\t  %s %s\t\n", row.Table, row.Key)
		}
		if why := f.Repair.None.Text(); why != "" {
			fmt.Fprintf(w, "\t\t\t\tno repair: %s\t\n", why)
		}
	}
	return w.Flush()
}

func departsIn(f check.Finding, now time.Time) string {
	minutes, ok := f.MinutesLeft(now)
	if !ok {
		return "-"
	}
	return strconv.Itoa(minutes) + " min"
}

func ordersText(f check.Finding) string {
	text := strings.Join(f.Orders[:min(len(f.Orders), 5)], ", ")
	if more := len(f.Orders) + f.More - 5; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return orDash(text)
}

type checkLine struct {
	ID       string     `json:"finding_id"`
	Kind     check.Kind `json:"kind"`
	Severity string     `json:"severity"`
	Date     string     `json:"delivery_date"`
	Subject  string     `json:"subject"`
	Detail   string     `json:"detail"`
	Rows     []string   `json:"rows"`
	Orders   []string   `json:"orders"`
	More     int        `json:"more_orders"`
	Minutes  *int       `json:"minutes_to_departure"`
	Repair   string     `json:"repair_id,omitempty"`
	None     string     `json:"no_repair,omitempty"`
	Changes  []string   `json:"changes,omitempty"`
}

func (c *CheckCmd) json(g *Globals, r check.Report) error {
	lines := []checkLine{}
	for _, f := range r.Findings {
		line := checkLine{ID: f.ID, Kind: f.Kind, Severity: f.Severity().String(), Date: f.Date, Subject: f.Subject, Detail: f.Text(),
			Rows: []string{}, Orders: f.Orders, More: f.More, Repair: f.Repair.ID, None: f.Repair.None.Text()}
		for _, row := range f.Rows {
			line.Rows = append(line.Rows, row.Table+" "+row.Key)
		}
		if minutes, ok := f.MinutesLeft(g.Clock.Now()); ok {
			line.Minutes = &minutes
		}
		if c.Repair {
			for _, d := range f.Repair.Differences() {
				line.Changes = append(line.Changes, d.String())
			}
		}
		lines = append(lines, line)
	}
	e := json.NewEncoder(g.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Dates      int         `json:"dates"`
		Containers int         `json:"containers"`
		Orders     int         `json:"orders"`
		Items      int         `json:"items"`
		Findings   []checkLine `json:"findings"`
		Omitted    int         `json:"omitted"`
	}{r.Count.Dates, r.Count.Containers, r.Count.Orders, r.Count.Items, lines, r.Omitted})
}
