// Package garments plays a rental warehouse day by day: people with scanners who make mistakes, customers who lose things, scanners that
// are offline for a day. What the hub then says of each piece is held against where the piece is.
package garments

import (
	"fmt"
	"math/rand/v2"
	"time"

	"meguri/internal/gs1"
)

// Params say how large the warehouse is, and how clumsy its people are.
type Params struct {
	Seed     uint64
	Pieces   int
	Scanners int
	Days     int
	Keep     int // days for which customers keep pieces, on average
	Counts   int // days until all shelves were counted

	// Chances, of one step to one piece.
	Unscanned float64 // it is done and not scanned
	Twice     float64 // it is scanned twice
	Misplaced float64 // it lands on another shelf, or in another bag, than was scanned
	Lost      float64 // it falls behind a machine

	// Chances, of one piece at a customer's or in inspection.
	Kept    float64 // it does not come back: lost by the customer
	Bought  float64
	Damaged float64
	Ruined  float64

	// Chances of a bag, and of a scanner's day.
	Belongings, Foreign, Unlabelled float64
	Offline                         float64 // without network until the next day
}

// Usual are people as they are: one slip in some hundred acts.
func Usual(seed uint64) Params {
	return Params{Seed: seed, Pieces: 240, Scanners: 5, Days: 12, Keep: 3, Counts: 4, Unscanned: 0.004, Twice: 0.02, Misplaced: 0.004, Lost: 0.0004,
		Kept: 0.005, Bought: 0.01, Damaged: 0.06, Ruined: 0.005, Belongings: 0.02, Foreign: 0.01, Unlabelled: 0.01, Offline: 0.06}
}

// spot is where a piece is, in truth.
type spot uint8

const (
	onShelf   spot = iota // place says which
	inTote                // of an order
	inBag                 // packed; place is the bag
	onTheWay              // to the customer, in its bag
	atHome                // with the customer
	comesBack             // in its bag, until the dock takes it
	onTable               // out of its bag
	toClean
	atCleaner // place is the batch
	toRepair  // clean, and damaged
	atRepair
	toInspect // clean and whole
	toShelve
	aside // on the shelf of what nobody understands
	lost
	sold
	retired
)

// piece is one garment in truth.
type piece struct {
	id, gtin string
	at       spot
	place    string
	order    string // that it is out for
	damage   bool
	ruined   bool
}

// code is the piece's label as a reader sends it.
func (p *piece) code() string {
	return "]d2" + "01" + p.gtin + "21" + p.id[len("(01)")+14+len("(21)"):]
}

// order is a customer's order in truth.
type order struct {
	id, bag  string
	pieces   []*piece
	shipped  bool
	returnOn int // day
}

// Garments and shelves: so many pieces of one garment, so many on one shelf.
const (
	perGarment = 12
	perShelf   = 30
	perOrder   = 3
)

func gtinOf(n int) string {
	body := fmt.Sprintf("0952%09d", 1+n)
	return body + string(gs1.CheckDigit(body))
}

func ssccOf(n int) string {
	body := fmt.Sprintf("0952%013d", 1+n)
	return body + string(gs1.CheckDigit(body))
}

func shelfOf(n int) string { return fmt.Sprintf("R%02d-%03d", n/100, n%100) }

func (p Params) shelves() int { return (p.Pieces + perShelf - 1) / perShelf * 3 / 2 }

// world is the truth.
type world struct {
	Params
	random *rand.Rand
	pieces []*piece
	byID   map[string]*piece
	orders []*order
	begin  time.Time // of the first day
	bags   int
	lost   int // that were lost by chance
}

func newWorld(p Params) *world {
	w := &world{Params: p, random: rand.New(rand.NewPCG(p.Seed, 7)), byID: map[string]*piece{},
		begin: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)}
	for n := range p.Pieces {
		x := &piece{gtin: gtinOf(n / perGarment), place: shelfOf(n / perShelf)}
		x.id = fmt.Sprintf("(01)%s(21)P%06d", x.gtin, n)
		w.pieces, w.byID[x.id] = append(w.pieces, x), x
	}
	return w
}

func (w *world) chance(p float64) bool { return w.random.Float64() < p }

// where lists the pieces at a spot.
func (w *world) where(at spot) (all []*piece) {
	for _, p := range w.pieces {
		if p.at == at {
			all = append(all, p)
		}
	}
	return all
}

// hour is an hour of a day, UTC.
func (w *world) hour(day, hour int) time.Time {
	return w.begin.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
}
