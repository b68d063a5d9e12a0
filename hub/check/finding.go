package check

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Row is a row of the database: its table and key.
type Row struct{ Table, Key string }

// Tables that rows of findings are in.
const (
	containers = "dated_containers"
	items      = "order_items"
	orders     = "orders"
)

// Finding is one thing that is wrong.
type Finding struct {
	ID      string // the same for the same thing at every look
	Kind    Kind
	Date    string // delivery date
	Subject string // what is wrong: a container, an order, a slot, …
	Args    []string
	Rows    []Row     // that are wrong, at most maxRows
	Orders  []string  // affected, at most maxOrders, and
	More    int       // so many more
	Departs time.Time // when the run concerned is first planned anywhere; zero when no run is
	Repair  Repair    // proposed

	boxes []*box // that must not be loaded, or be settled anew
	units []Item // that have to be moved, made or taken away
	order *taking
	all   map[string]bool // orders affected
}

// Bounds of what one look keeps. A broken import may break every row: then the first of them say enough.
const (
	maxFindings = 1000
	maxOrders   = 50
	maxRows     = 50
	maxBad      = 10_000 // items that are wrong, of one date
)

// Severity says how bad it is.
func (f Finding) Severity() Severity { return f.Kind.Severity() }

// Text tells it in English.
func (f Finding) Text() string { return f.Kind.Text(f.Args) }

// MinutesLeft is how many minutes there are until the run concerned departs, less than zero after that; false when no run is
// concerned.
func (f Finding) MinutesLeft(now time.Time) (int, bool) {
	if f.Departs.IsZero() {
		return 0, false
	}
	return int(f.Departs.Sub(now).Minutes()), true
}

// Dates gives the delivery dates that it is about: two when something is dated wrongly.
func (f Finding) Dates() []string {
	all := []string{f.Date}
	if f.Kind == WrongDate && len(f.Args) == 3 {
		all = append(all, f.Args[1], f.Args[2])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (f *Finding) affects(ids ...string) {
	if f.all == nil {
		f.all = map[string]bool{}
	}
	for _, id := range ids {
		if id != "" {
			f.all[id] = true
		}
	}
}

func (f *Finding) row(table, key string) {
	r := Row{table, key}
	if len(f.Rows) < maxRows && !slices.Contains(f.Rows, r) {
		f.Rows = append(f.Rows, r)
	}
}

func (f *Finding) unit(i Item) {
	f.row(items, i.key().String())
	f.affects(i.Order)
	f.units = append(f.units, i)
}

func (f *Finding) box(b *box) {
	f.row(containers, b.ID)
	f.boxes = append(f.boxes, b)
}

// close fills in what is kept of the orders affected.
func (f *Finding) close() {
	ids := make([]string, 0, len(f.all))
	for id := range f.all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	f.Orders = ids[:min(len(ids), maxOrders)]
	f.More = len(ids) - len(f.Orders)
}

// findings are those of one look at the data.
type findings struct {
	by      map[string]*Finding
	list    []*Finding
	omitted int
}

// add gives the finding of a kind about a subject, a new one unless there is one. What is beyond the bound is counted and given
// a place that nobody sees.
func (all *findings) add(kind Kind, date, subject string, args ...string) *Finding {
	id := hash(string(kind), date, subject)
	if f := all.by[id]; f != nil {
		return f
	}
	f := &Finding{ID: id, Kind: kind, Date: date, Subject: subject, Args: args}
	if len(all.list) >= maxFindings {
		all.omitted++
		return f
	}
	if all.by == nil {
		all.by = map[string]*Finding{}
	}
	all.by[id] = f
	all.list = append(all.list, f)
	return f
}

// has says whether a thing of a kind was found about a subject, on whatever date.
func (all *findings) has(kind Kind, date, subject string) bool {
	return all.by[hash(string(kind), date, subject)] != nil
}

// hash is a short name for a thing: twelve hexadecimal digits tell the findings of one database apart.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:6])
}

// order is the order in which people have to look at findings.
func byUrgency(a, b *Finding) int {
	switch {
	case a.Severity() != b.Severity():
		return int(a.Severity() - b.Severity())
	case !a.Departs.Equal(b.Departs):
		if a.Departs.IsZero() != b.Departs.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Departs.IsZero()]
		}
		return a.Departs.Compare(b.Departs)
	case a.Date != b.Date:
		return strings.Compare(a.Date, b.Date)
	case a.Kind != b.Kind:
		return strings.Compare(string(a.Kind), string(b.Kind))
	}
	return strings.Compare(a.Subject, b.Subject)
}

// some tells the first few of many, without words: it stands in texts of several languages.
func some(names []string) string {
	const shown = 5
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if more := len(names) - shown; more > 0 {
		text += ", … (+" + strconv.Itoa(more) + ")"
	}
	return text
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
