package bulk

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"meguri/internal/gs1"
)

// Files of a rental warehouse. Each may be missing: what it says was said before, or is said later.
const (
	WarehousesFile   = "warehouses.csv"
	ShelvesFile      = "warehouse_shelves.csv"
	OperatorsFile    = "operators.csv"
	GarmentsFile     = "garments.csv"
	RentalItemsFile  = "rental_items.csv"
	RentalOrdersFile = "rental_orders.csv"
)

// RentalFiles are the files of a rental warehouse, in the order in which they are read: what others refer to comes first.
var RentalFiles = []string{WarehousesFile, ShelvesFile, OperatorsFile, GarmentsFile, RentalItemsFile, RentalOrdersFile}

// MaxOrderPieces is how many pieces one rental order may have.
const MaxOrderPieces = 50

// Warehouse is a rental warehouse.
type Warehouse struct {
	ID, GLN, Name string
	SwapGarment   bool  // another free piece of the same garment may be picked
	SwapWorst     int64 // grade 1 to 4 (A to D) that it must have at least; 0: that of the piece it stands in for
}

// Shelf is a place for pieces in a warehouse.
type Shelf struct {
	ID, WarehouseID string
	Walk            int64 // place in the order in which shelves are walked
	Room            int64 // pieces; 0: no limit
}

// Operator is a person who works with scanners, by badge.
type Operator struct {
	Badge, WarehouseID string
	PIN                string // empty: the badge is enough
	Steps              []int64
}

// Garment is a model (SKU) of what is let.
type Garment struct {
	GTIN               string // 14 digits
	Name, Size, Colour string
	PriceYen           int64 // of a replacement
}

// RentalItem is one piece. With a shelf it is taken into stock as inspected and ready to be let; without it is only registered.
type RentalItem struct {
	ID, GTIN, WarehouseID, Shelf string
	Grade                        int64
}

// RentalLine is one piece of a rental order: a piece that the stylist chose, or any of a garment.
type RentalLine struct{ GTIN, ItemID string }

// RentalOrder is a customer's order. The customer is a pseudonym.
type RentalOrder struct {
	ID, CustomerID, WarehouseID, ShipDate string
	Lines                                 []RentalLine
}

// RowOutcome is what became of one row.
type RowOutcome struct {
	File    string
	Row     int
	Key     string
	Outcome string // new, changed, same or refused
	Why     string // of a refusal
}

// Outcomes of a row.
const (
	RowNew     = "new"
	RowChanged = "changed"
	RowSame    = "same"
	RowRefused = "refused"
)

// Rental is what the files of a rental warehouse say. Rows that cannot be read are among Refused; the others are to be used.
type Rental struct {
	Warehouses []Row[Warehouse]
	Shelves    []Row[Shelf]
	Operators  []Row[Operator]
	Garments   []Row[Garment]
	Items      []Row[RentalItem]
	Orders     []Row[RentalOrder]

	Refused []RowOutcome
	Notes   []string // what was passed over
	Found   []string // files that were there
}

// HasRental says whether a directory has any file of a rental warehouse.
func HasRental(files fs.FS) bool {
	for _, file := range RentalFiles {
		if _, err := fs.Stat(files, file); err == nil {
			return true
		}
	}
	return false
}

// ReadRental reads the files of a rental warehouse that are there. Each row stands for itself: one that is wrong does not keep the
// others from being used. A file whose header is wrong is refused as a whole.
func ReadRental(files fs.FS) Rental {
	var n Rental
	n.read(files, WarehousesFile, []string{"id", "gln", "name"}, n.warehouse, "swap_garment", "swap_worst_grade")
	n.read(files, ShelvesFile, []string{"id", "warehouse_id", "walk"}, n.shelf, "room")
	n.read(files, OperatorsFile, []string{"badge", "warehouse_id"}, n.operator, "pin", "steps")
	n.read(files, GarmentsFile, []string{"gtin", "name"}, n.garment, "size", "colour", "price_yen")
	n.read(files, RentalItemsFile, []string{"item", "warehouse_id"}, n.item, "shelf_id", "grade")
	n.read(files, RentalOrdersFile, []string{"order_id", "customer_id", "warehouse_id", "ship_date"}, n.order, "gtin", "item")
	return n
}

func (n *Rental) read(files fs.FS, file string, columns []string, each func(*row) (key string), optional ...string) {
	f, err := files.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	n.Found = append(n.Found, file)
	if err != nil {
		n.Refused = append(n.Refused, RowOutcome{File: file, Outcome: RowRefused, Why: "cannot be opened: " + err.Error()})
		return
	}
	whole := &Problems{}
	t := open(f, file, columns, whole, optional...)
	t.rows(func(r *row) {
		own := &Problems{}
		t.problems = own
		key := each(r)
		t.problems = whole
		if err := own.err(); err != nil {
			n.Refused = append(n.Refused, RowOutcome{file, r.line, key, RowRefused, err.Error()})
		}
	})
	if err := f.Close(); err != nil {
		t.problem(0, "", "", "a readable file: "+err.Error())
	}
	n.Notes = append(n.Notes, t.notes...)
	for _, p := range whole.List {
		n.Refused = append(n.Refused, RowOutcome{file, p.Row, "", RowRefused, p.Error()})
	}
	if whole.More > 0 {
		n.Refused = append(n.Refused, RowOutcome{File: file, Outcome: RowRefused, Why: fmt.Sprintf("and %d more rows", whole.More)})
	}
}

// sound says whether nothing was wrong with a row so far.
func (r *row) sound() bool { return len(r.table.problems.List) == 0 }

func (n *Rental) warehouse(r *row) string {
	w := Warehouse{ID: r.newID("id"), GLN: r.key("gln", 13, 0), Name: r.text("name"), SwapGarment: r.yes("swap_garment"), SwapWorst: r.grade("swap_worst_grade")}
	if r.sound() {
		n.Warehouses = append(n.Warehouses, Row[Warehouse]{r.line, w})
	}
	return w.ID
}

func (n *Rental) shelf(r *row) string {
	s := Shelf{ID: r.newID("id"), WarehouseID: r.id("warehouse_id"), Walk: r.number("walk", 0, maxVolumeML), Room: r.optional("room", 1_000_000)}
	if r.sound() {
		n.Shelves = append(n.Shelves, Row[Shelf]{r.line, s})
	}
	return s.ID
}

func (n *Rental) operator(r *row) string {
	o := Operator{Badge: r.id("badge"), WarehouseID: r.id("warehouse_id")}
	if o.Badge != "" {
		r.unique("badge", o.Badge)
	}
	if r.given("pin") {
		o.PIN = strings.Clone(r.fields[r.table.columns["pin"]])
		if len(o.PIN) < 4 || len(o.PIN) > 12 || strings.Trim(o.PIN, "0123456789") != "" {
			r.problemHidden("pin", "4 to 12 digits")
		}
	}
	if r.given("steps") {
		for one := range strings.SplitSeq(r.fields[r.table.columns["steps"]], "|") {
			step, err := strconv.ParseInt(one, 10, 64)
			if err != nil || step < 1 || step > 22 {
				r.problem("steps", "numbers of steps from 1 to 22, separated by |")
				break
			}
			o.Steps = append(o.Steps, step)
		}
	}
	if r.sound() {
		n.Operators = append(n.Operators, Row[Operator]{r.line, o})
	}
	return o.Badge
}

// problemHidden is problem for a column whose value nobody is to read.
func (r *row) problemHidden(column, want string) { r.table.problem(r.line, column, "", want) }

func (n *Rental) garment(r *row) string {
	g := Garment{GTIN: r.gtin("gtin"), Name: r.text("name"), PriceYen: r.optional("price_yen", maxPriceYen)}
	if r.given("size") {
		g.Size = r.text("size")
	}
	if r.given("colour") {
		g.Colour = r.text("colour")
	}
	if g.GTIN != "" {
		r.unique("gtin", g.GTIN)
	}
	if r.sound() {
		n.Garments = append(n.Garments, Row[Garment]{r.line, g})
	}
	return g.GTIN
}

func (n *Rental) item(r *row) string {
	i := RentalItem{WarehouseID: r.id("warehouse_id"), Grade: r.grade("grade")}
	i.ID, i.GTIN = r.sgtin("item")
	if r.given("shelf_id") {
		i.Shelf = r.id("shelf_id")
	}
	if i.ID != "" {
		r.unique("item", i.ID)
	}
	if r.sound() {
		n.Items = append(n.Items, Row[RentalItem]{r.line, i})
	}
	return i.ID
}

// order reads one line of an order; the rows of an order follow each other. A wrong row spoils its order: it would be another one.
func (n *Rental) order(r *row) string {
	o := RentalOrder{ID: r.id("order_id"), CustomerID: r.id("customer_id"), WarehouseID: r.id("warehouse_id"), ShipDate: r.date("ship_date")}
	var line RentalLine
	switch {
	case r.given("item"):
		line.ItemID, line.GTIN = r.sgtin("item")
	case r.given("gtin"):
		line.GTIN = r.gtin("gtin")
	default:
		r.table.problem(r.line, "item", "", "a piece, or a garment by its gtin")
	}
	last := len(n.Orders) - 1
	follows := last >= 0 && o.ID != "" && n.Orders[last].V.ID == o.ID
	if follows {
		n.sameRentalOrder(r, o, line)
		return o.ID
	}
	if o.ID != "" {
		r.unique("order_id", o.ID)
	}
	if r.sound() {
		o.Lines = []RentalLine{line}
		n.Orders = append(n.Orders, Row[RentalOrder]{r.line, o})
	}
	return o.ID
}

func (n *Rental) sameRentalOrder(r *row, o RentalOrder, line RentalLine) {
	first := &n.Orders[len(n.Orders)-1].V
	if o.CustomerID != first.CustomerID || o.WarehouseID != first.WarehouseID || o.ShipDate != first.ShipDate {
		r.problem("order_id", "customer, warehouse and date as in the order's row before")
	}
	if len(first.Lines) >= MaxOrderPieces {
		r.problem("order_id", fmt.Sprintf("at most %d pieces to an order", MaxOrderPieces))
	}
	if r.sound() {
		first.Lines = append(first.Lines, line)
		return
	}
	n.Orders = n.Orders[:len(n.Orders)-1]
}

// grade is a letter from A to D of a column that may be missing, as 1 to 4; 0 when it is.
func (r *row) grade(column string) int64 {
	if !r.given(column) {
		return 0
	}
	return int64(strings.Index(" ABCD", r.oneOf(column, "A", "B", "C", "D")))
}

// gtin is a GTIN of any length, as 14 digits.
func (r *row) gtin(column string) string {
	v := r.fields[r.table.columns[column]]
	n := len(v)
	if n != 8 && n != 12 && n != 13 && n != 14 {
		r.problem(column, "a GTIN of 8, 12, 13 or 14 digits")
		return ""
	}
	if err := gs1.CheckKey(v); err != nil {
		r.problem(column, fmt.Sprintf("a GTIN with a right check digit (%v)", err))
		return ""
	}
	return strings.Repeat("0", 14-n) + v
}

// sgtin is a piece's code, in any form that a label may have, as its bracketed element string; and its GTIN.
func (r *row) sgtin(column string) (item, gtin string) {
	item, gtin, err := SGTIN(r.fields[r.table.columns[column]])
	if err != nil {
		r.problem(column, err.Error())
		return "", ""
	}
	return item, gtin
}

// SGTIN reads a piece's code, bracketed, as scanned, or as a Digital Link, and gives its canonical bracketed form and its GTIN of 14
// digits. The error says what was expected.
func SGTIN(code string) (item, gtin string, err error) {
	const want = "a serialised GTIN such as (01)09520001000010(21)A1"
	m, err := gs1.Read(code)
	if err != nil {
		return "", "", fmt.Errorf("%s (%w)", want, err)
	}
	var serial string
	for _, e := range m.Elements {
		switch e.AI {
		case gs1.GTIN:
			gtin = e.Value
		case gs1.Serial:
			serial = e.Value
		default:
			return "", "", fmt.Errorf("%s and nothing else: it has (%s)", want, e.AI)
		}
	}
	if gtin == "" || serial == "" {
		return "", "", errors.New(want)
	}
	return gs1.Message{Elements: []gs1.Element{{AI: gs1.GTIN, Value: gtin}, {AI: gs1.Serial, Value: serial}}}.Bracketed(), gtin, nil
}

// WriteOutcomes writes what became of each row as CSV with the columns file, row, key, outcome and why.
func WriteOutcomes(w io.Writer, all []RowOutcome) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"file", "row", "key", "outcome", "why"}); err != nil {
		return err
	}
	for _, o := range all {
		if err := out.Write([]string{o.File, strconv.Itoa(o.Row), o.Key, o.Outcome, o.Why}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
