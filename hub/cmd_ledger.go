package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/internal/config"
)

// LedgerCmd is `hub ledger`: what the hub has and lacks of a device's readings.
type LedgerCmd struct {
	Device   string `arg:"" optional:"" help:"The device's id."`
	All      bool   `help:"One line for each device that is not revoked."`
	From     string `help:"Beginning: a time such as 2026-12-01T09:00:00+09:00, or a date (default: 24 hours before --to)." placeholder:"TIME"`
	To       string `help:"End, exclusive (default: now)." placeholder:"TIME"`
	Sensor   string `help:"Only this sensor, such as loc-001-fridge-1/air." placeholder:"NAME"`
	Format   string `help:"table, csv or json." enum:"table,csv,json" default:"table"`
	Strict   bool   `help:"Exit with status 1 if anything is lost for ever."`
	TimeZone string `help:"Time zone of dates and of the table's times." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Help is shown by hub ledger --help.
func (*LedgerCmd) Help() string {
	return `Says of each stretch of time whether readings were received, and if not, why not: thinned by the device, a sensor fault, the
device off, not yet in its log when the power went, not arrived yet, damaged, lost with an earlier incarnation of its storage,
not held any more, unreadable and kept in quarantine or, of a device that has sent too much of that, discarded. Exact to one
sampling interval. CSV and JSON are for other programs; times there are UTC.`
}

// Validate is asked by the command line.
func (c *LedgerCmd) Validate() error {
	if c.All == (c.Device != "") {
		return errors.New("want a device or --all")
	}
	if c.All && c.Sensor != "" {
		return errors.New("--sensor goes with one device")
	}
	_, _, _, err := c.span(time.Now())
	return err
}

// span reads the times that are asked about.
func (c *LedgerCmd) span(now time.Time) (from, to time.Time, zone *time.Location, err error) {
	if zone, err = time.LoadLocation(c.TimeZone); err != nil {
		return from, to, zone, fmt.Errorf("--time-zone: %w", err)
	}
	to = now
	if c.To != "" {
		if to, err = moment(c.To, zone); err != nil {
			return from, to, zone, fmt.Errorf("--to: %w", err)
		}
	}
	from = to.Add(-24 * time.Hour)
	if c.From != "" {
		if from, err = moment(c.From, zone); err != nil {
			return from, to, zone, fmt.Errorf("--from: %w", err)
		}
	}
	return from, to, zone, fleet.CheckSpan(from, to)
}

func moment(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return t, fmt.Errorf("%q: want a time such as 2026-12-01T09:00:00Z or a date such as 2026-12-01", text)
	}
	return t, nil
}

// ledgerPage is how many stretches are read in one look at the data.
const ledgerPage = 2000

// Run prints the ledger.
func (c *LedgerCmd) Run(g *Globals) error {
	now := g.Clock.Now()
	from, to, zone, err := c.span(now)
	if err != nil {
		return config.Usage(err)
	}
	lost := false
	err = withStore(g, func(s *store.Store) error {
		if c.All {
			lost, err = c.fleet(g, s, fleet.Ask{From: from, To: to, Now: now})
			return err
		}
		stretches, err := readLedger(g, s, c.Device, fleet.Ask{From: from, To: to, Now: now, Sensor: c.Sensor})
		if err != nil {
			return err
		}
		totals := fleet.Totals(stretches)
		lost = anyLost(totals)
		switch c.Format {
		case "csv":
			return c.csv(g, stretches)
		case "json":
			return c.json(g, from, to, stretches, totals)
		}
		return c.table(g, zone, stretches, totals)
	})
	switch {
	case errors.Is(err, fleet.ErrUnknownDevice):
		return config.Usage(err)
	case err == nil && lost && c.Strict:
		return errors.New("readings are lost for ever")
	}
	return err
}

// readLedger reads all stretches of a span, page by page, and joins what two pages share.
func readLedger(g *Globals, s *store.Store, device string, ask fleet.Ask) (all []fleet.Stretch, err error) {
	to := ask.To
	ask.Most = ledgerPage
	for ask.From.Before(to) {
		var page []fleet.Stretch
		var reached time.Time
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			page, reached, err = tx.Ledger(g.Ctx, device, ask)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		ask.From = reached
	}
	return all, nil
}

func anyLost(totals []fleet.Total) bool {
	for _, t := range totals {
		if t.State.Lost() && t.Time > 0 {
			return true
		}
	}
	return false
}

func (c *LedgerCmd) table(g *Globals, zone *time.Location, stretches []fleet.Stretch, totals []fleet.Total) error {
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tTIME\tSTATE\tREASON\tROUNDS\tSENSOR\tNOTE")
	for _, s := range stretches {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", s.From.In(zone).Format("2006-01-02 15:04:05"), s.To.In(zone).Format("2006-01-02 15:04:05"),
			s.To.Sub(s.From).Round(time.Second), s.State, orDash(s.Reason), s.Rounds, orDash(s.Sensor), stretchNote(s))
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "STATE\tTIME\tROUNDS\tVALUES")
	for _, t := range totals {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", t.State, t.Time.Round(time.Second), t.Rounds, t.Samples)
	}
	fmt.Fprintf(w, "complete\t%s\t\t\n", percent(totals))
	return w.Flush()
}

func stretchNote(s fleet.Stretch) string {
	note := ""
	if s.Within > 0 {
		note = "ends known to " + s.Within.Round(time.Second).String()
	}
	if s.Assumed {
		if note != "" {
			note += ", "
		}
		note += "interval assumed"
	}
	return orDash(note)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// percent is how much of the expected time was received.
func percent(totals []fleet.Total) string {
	n, ok := fleet.Complete1000(totals)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%d.%d %%", n/10, n%10)
}

func (c *LedgerCmd) csv(g *Globals, stretches []fleet.Stretch) error {
	w := csv.NewWriter(g.Stdout)
	_ = w.Write([]string{"from", "to", "state", "reason", "sensor", "rounds", "values", "within_s", "assumed"}) // Error tells
	for _, s := range stretches {
		_ = w.Write([]string{s.From.UTC().Format(time.RFC3339Nano), s.To.UTC().Format(time.RFC3339Nano), string(s.State), s.Reason, s.Sensor,
			strconv.Itoa(s.Rounds), strconv.Itoa(s.Samples), strconv.FormatFloat(s.Within.Seconds(), 'f', -1, 64), strconv.FormatBool(s.Assumed)})
	}
	w.Flush()
	return w.Error()
}

type ledgerLine struct {
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	State   fleet.State `json:"state"`
	Reason  string      `json:"reason,omitempty"`
	Sensor  string      `json:"sensor,omitempty"`
	Rounds  int         `json:"rounds"`
	Values  int         `json:"values"`
	WithinS float64     `json:"within_s"`
	Assumed bool        `json:"assumed"`
}

type ledgerTotal struct {
	State  fleet.State `json:"state"`
	TimeS  float64     `json:"time_s"`
	Rounds int         `json:"rounds"`
	Values int         `json:"values"`
}

func (c *LedgerCmd) json(g *Globals, from, to time.Time, stretches []fleet.Stretch, totals []fleet.Total) error {
	out := struct {
		Device    string        `json:"device_id"`
		From      time.Time     `json:"from"`
		To        time.Time     `json:"to"`
		Stretches []ledgerLine  `json:"stretches"`
		Totals    []ledgerTotal `json:"totals"`
	}{c.Device, from.UTC(), to.UTC(), []ledgerLine{}, []ledgerTotal{}}
	for _, s := range stretches {
		out.Stretches = append(out.Stretches, ledgerLine{s.From.UTC(), s.To.UTC(), s.State, s.Reason, s.Sensor, s.Rounds, s.Samples,
			s.Within.Seconds(), s.Assumed})
	}
	for _, t := range totals {
		out.Totals = append(out.Totals, ledgerTotal{t.State, t.Time.Seconds(), t.Rounds, t.Samples})
	}
	e := json.NewEncoder(g.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

type fleetLine struct {
	Device   string      `json:"device_id"`
	Role     string      `json:"role"`
	Complete string      `json:"complete"`
	Worst    fleet.State `json:"worst"`
	Received int         `json:"rounds_received"`
	Lost     bool        `json:"lost"`
}

// fleet prints a line for each device, and says whether anything is lost.
func (c *LedgerCmd) fleet(g *Globals, s *store.Store, ask fleet.Ask) (lost bool, err error) {
	var devices []store.DeviceView
	if err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
		devices, err = tx.DeviceViews(g.Ctx)
		return err
	}); err != nil {
		return false, err
	}
	lines := []fleetLine{}
	for _, d := range devices {
		stretches, err := readLedger(g, s, d.ID, ask)
		if err != nil {
			return false, err
		}
		totals := fleet.Totals(stretches)
		line := fleetLine{d.ID, d.Role, percent(totals), fleet.Worst(totals), 0, anyLost(totals)}
		for _, t := range totals {
			if t.State == fleet.StateReceived {
				line.Received = t.Rounds
			}
		}
		lost = lost || line.Lost
		lines = append(lines, line)
	}
	return lost, c.printFleet(g, lines)
}

func (c *LedgerCmd) printFleet(g *Globals, lines []fleetLine) error {
	switch c.Format {
	case "json":
		e := json.NewEncoder(g.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(lines)
	case "csv":
		w := csv.NewWriter(g.Stdout)
		_ = w.Write([]string{"device_id", "role", "complete", "worst", "rounds_received", "lost"}) // Error tells
		for _, l := range lines {
			_ = w.Write([]string{l.Device, l.Role, l.Complete, string(l.Worst), strconv.Itoa(l.Received), strconv.FormatBool(l.Lost)})
		}
		w.Flush()
		return w.Error()
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tROLE\tCOMPLETE\tWORST\tROUNDS RECEIVED")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", l.Device, l.Role, l.Complete, orDash(string(l.Worst)), l.Received)
	}
	return w.Flush()
}
