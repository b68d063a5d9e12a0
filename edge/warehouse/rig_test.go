package warehouse_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/internal/gs1"
	"meguri/protocol"
)

var day = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// desk is a scanner in somebody's hand: what its rules say is taken over at once, as if all were durable.
type desk struct {
	t       testing.TB
	state   warehouse.State
	book    *warehouse.Book
	now     time.Time
	records []protocol.Body
}

func newDesk(t testing.TB, p protocol.WarehousePlan, items ...protocol.KnownItem) *desk {
	p.Position = "w-1"
	if p.Operators == nil {
		p.Operators = []protocol.Operator{{Badge: "b1"}, {Badge: "b2"}}
	}
	p.Stations = append(p.Stations, stations()...)
	if p.Kinds == nil {
		p.Kinds = []protocol.DamageKind{{Code: "d-stain", Kind: "stain"}, {Code: "d-tear", Kind: "tear"}}
	}
	return &desk{t: t, now: day, book: warehouse.NewBook(p, []protocol.ItemsPlan{{Position: "w-1", Items: items}})}
}

// stations has a card for each step, st-1 to st-22.
func stations() (all []protocol.Workstation) {
	for s := protocol.StepRegister; s <= protocol.StepRetire; s++ {
		all = append(all, protocol.Workstation{Code: fmt.Sprintf("st-%d", s), Step: s, Name: fmt.Sprintf("Table %d", s)})
	}
	return all
}

// scan scans one code.
func (d *desk) scan(code string) warehouse.Verdict {
	d.t.Helper()
	d.now = d.now.Add(time.Second)
	v := warehouse.Scan(d.state, d.book, code, d.now)
	d.take(v)
	return v
}

func (d *desk) take(v warehouse.Verdict) {
	d.book.Take(d.book.Stage(v.Changes)...)
	d.book.TakeBags(d.book.StageBags(v.Bags)...)
	d.state = v.State
	d.records = append(d.records, v.Records...)
}

// at begins a step as the first person, and forgets what was recorded before.
func (d *desk) at(s protocol.Step) *desk {
	d.t.Helper()
	if d.state.Badge == "" {
		require.Equal(d.t, protocol.VerdictAccept, d.scan(badge("b1")).Is)
	}
	require.Equal(d.t, protocol.VerdictAccept, d.scan(menu(fmt.Sprintf("st-%d", s))).Is)
	d.records = nil
	return d
}

// says scans codes one after another and wants a line and a verdict for the last.
func (d *desk) says(is protocol.ScanVerdict, k phrase.Key, codes ...string) warehouse.Verdict {
	d.t.Helper()
	var v warehouse.Verdict
	for _, c := range codes {
		v = d.scan(c)
	}
	require.Equal(d.t, phrase.New(k).In("en"), phrase.New(v.Line.Key).In("en"), "line")
	require.Equal(d.t, is, v.Is, v.Line.In("en"))
	return v
}

func (d *desk) right(k phrase.Key, codes ...string) warehouse.Verdict {
	d.t.Helper()
	return d.says(protocol.VerdictAccept, k, codes...)
}

func (d *desk) warns(k phrase.Key, codes ...string) warehouse.Verdict {
	d.t.Helper()
	return d.says(protocol.VerdictWarn, k, codes...)
}

func (d *desk) refuses(k phrase.Key, codes ...string) warehouse.Verdict {
	d.t.Helper()
	return d.says(protocol.VerdictRefuse, k, codes...)
}

// items are the pieces that were recorded.
func (d *desk) items() (all []protocol.ItemScanned) { return of[protocol.ItemScanned](d.records) }

func of[T any](records []protocol.Body) (all []T) {
	for _, r := range records {
		if r, ok := r.(T); ok {
			all = append(all, r)
		}
	}
	return all
}

func label(ai gs1.AI, value string) string { return gs1.Format(gs1.Element{AI: ai, Value: value}) }
func menu(value string) string             { return label(gs1.Menu, value) }
func badge(value string) string            { return label(gs1.Badge, value) }
func shelf(value string) string            { return label(gs1.Address, value) }

// dress and coat are two garments; company prefix 952 is set aside by GS1 for examples.
const (
	dress = "09520001000010"
	coat  = "09520001000027"
)

// code is a piece's label as a reader sends it, and id its name in records.
func code(gtin string, n int) string { return "]d201" + gtin + fmt.Sprintf("21S%05d", n) }
func id(gtin string, n int) string   { return "(01)" + gtin + fmt.Sprintf("(21)S%05d", n) }

// sscc is the n-th bag's number.
func sscc(n int) string {
	body := fmt.Sprintf("0952000%010d", n)
	return body + string(gs1.CheckDigit(body))
}

func bagCode(n int) string { return "]C100" + sscc(n) }

// shelved is a piece that may be let.
func shelved(gtin string, n int, place string) protocol.KnownItem {
	return protocol.KnownItem{Item: id(gtin, n), Custody: protocol.Shelved, Place: place, Grade: protocol.GradeA, Fit: true, Clean: true}
}

// as gives a piece another state of custody.
func as(i protocol.KnownItem, c protocol.Custody) protocol.KnownItem {
	i.Custody = c
	return i
}
