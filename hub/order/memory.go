package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/capacity"
)

// memory is what an owner knows of its date.
type memory struct {
	book     *capacity.Book        // nil when nothing is known, or broken
	broken   *capacity.BrokenError // why there is no book though the rest is known
	mark     Mark
	owns     bool      // has committed since it was loaded
	known    time.Time // when what was decided last became known
	cutoffs  map[string]time.Time
	prices   map[string]int64     // yen, by product
	orders   map[string]*Standing // those that were decided for the date
	held     map[string]*Standing // those of them that are held
	sequence int64

	// Orders whose ids belong to orders for other dates or whose keys were used. That never changes, so it outlives the rest.
	taken  map[string]bool
	reused map[KeyOf]bool
}

// maxRemembered bounds taken and reused: they only spare somebody's mistakes a load of the date.
const maxRemembered = 10_000

// drop forgets what is known, because it may not be so.
func (m *memory) drop() {
	m.book, m.broken, m.orders, m.held, m.owns = nil, nil, nil, nil, false
}

// load makes the date known. Rows that are broken leave it without a book: then it takes no orders, but those that it has can
// still be confirmed and ended, one row after the other.
func (m *memory) load(ctx context.Context, store Store, date string) error {
	if m.book != nil {
		return nil
	}
	var d Date
	err := store.Read(ctx, func(tx Tx) (err error) {
		d, err = tx.Date(ctx, date)
		return err
	})
	if err != nil {
		return fmt.Errorf("load %s: %w", date, err)
	}
	book, err := capacity.NewBook(d.Network, d.State)
	if err != nil && !errors.As(err, &m.broken) {
		return fmt.Errorf("load %s: %w", date, err)
	}
	m.install(d, book)
	return nil
}

func (m *memory) install(d Date, book *capacity.Book) {
	m.book, m.mark, m.owns, m.known, m.cutoffs, m.sequence = book, d.Mark, false, d.Known, d.Cutoffs, 0
	m.prices = make(map[string]int64, len(d.Network.Products))
	for _, p := range d.Network.Products {
		m.prices[p.ID] = p.PriceYen
	}
	m.orders, m.held = make(map[string]*Standing, len(d.Orders)), map[string]*Standing{}
	for i := range d.Orders {
		m.add(&d.Orders[i])
	}
	for _, i := range d.State.Items {
		if s := m.orders[i.Order]; s != nil {
			s.units++
		}
	}
}

func (m *memory) add(s *Standing) {
	m.orders[s.ID] = s
	m.sequence = max(m.sequence, s.Sequence)
	if s.State == Held {
		m.held[s.ID] = s
	}
}

// refresh loads again if somebody else has written.
func (m *memory) refresh(ctx context.Context, store Store, date string) error {
	if m.book == nil {
		return nil
	}
	var now Mark
	err := store.Read(ctx, func(tx Tx) (err error) {
		now, err = tx.DateMark(ctx, date)
		return err
	})
	if err != nil {
		return err
	}
	if now != m.mark {
		m.drop()
	}
	return nil
}

func (m *memory) remember(e *TakenError) {
	if m.taken == nil || len(m.taken)+len(m.reused) > maxRemembered {
		m.taken, m.reused = map[string]bool{}, map[KeyOf]bool{}
	}
	for _, id := range e.Orders {
		m.taken[id] = true
	}
	for _, key := range e.Keys {
		m.reused[key] = true
	}
}
