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
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/config"
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
own, and --apply all as many as there are. A repair is found anew when it is applied: if it is not the same any more, nothing is
done. After the end of numbering the runs concerned get a new version of their sheets.`
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
		service, plans := check.NewService(s.Checks()), plan.NewMaker(s, live.New(), g.Clock, g.Logger)
		begun := time.Now() // the machine's clock: this measures the machine
		r, err := service.Look(g.Ctx, g.Clock.Now(), c.Date...)
		if err != nil {
			return err
		}
		if len(c.Apply) > 0 {
			if r, err = c.apply(g, service, plans, r); err != nil {
				return err
			}
		}
		if err := c.print(g, r, time.Since(begun)); err != nil {
			return err
		}
		if n := wrong(r); n > 0 {
			return fmt.Errorf("%d findings", n)
		}
		return nil
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

// apply applies the chosen repairs, one after the other, and looks again.
func (c *CheckCmd) apply(g *Globals, service *check.Service, plans *plan.Maker, r check.Report) (check.Report, error) {
	chosen, all := c.Apply, len(c.Apply) == 1 && c.Apply[0] == "all"
	for most := len(r.Findings); all && most > 0; most-- { // each time one finding is gone, and the others' repairs may be others
		id := firstRepair(r)
		if id == "" {
			return r, nil
		}
		if err := c.applyOne(g, service, plans, r, id); err != nil {
			return r, err
		}
		var err error
		if r, err = service.Look(g.Ctx, g.Clock.Now(), c.Date...); err != nil {
			return r, err
		}
	}
	if all {
		return r, nil
	}
	for _, id := range chosen {
		if err := c.applyOne(g, service, plans, r, id); err != nil {
			return r, err
		}
	}
	return service.Look(g.Ctx, g.Clock.Now(), c.Date...)
}

func firstRepair(r check.Report) string {
	for _, f := range r.Findings {
		if f.Repair.ID != "" {
			return f.Repair.ID
		}
	}
	return ""
}

// applyOne applies a repair and makes the plans of the devices concerned.
func (c *CheckCmd) applyOne(g *Globals, service *check.Service, plans *plan.Maker, r check.Report, id string) error {
	i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.Repair.ID == id })
	if i < 0 {
		return config.Usage(fmt.Errorf("--apply %s: there is no such repair: hub check --repair shows them", id))
	}
	done, err := service.Apply(g.Ctx, r.Findings[i].Dates(), id, people.Console, g.Clock.Now())
	if err != nil {
		return err
	}
	if c.Format == "table" {
		fmt.Fprintf(g.Stdout, "applied %s: %s\n", id, done.Text())
		printDifferences(g.Stdout, done.Repair)
	}
	for _, place := range done.Repair.Places() {
		err = errors.Join(err, plans.Make(g.Ctx, place))
	}
	return err
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
		fmt.Fprintf(g.Stdout, "%d more findings are not listed\n", r.Omitted)
	}
	result := "nothing is wrong"
	if n := wrong(r); n > 0 {
		result = strconv.Itoa(n) + " findings"
	}
	_, err := fmt.Fprintf(g.Stdout, "%d dates, %d containers, %d orders, %d items in %.1f s: %s\n", r.Count.Dates, r.Count.Containers,
		r.Count.Orders, r.Count.Items, took.Seconds(), result)
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
