package garments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"meguri/edge/warehouse"
	"meguri/hub/bulk"
	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/protocol"
)

const house = "w-1"

// hub is the real store with the real effects, without a broker between.
type hub struct {
	ctx     context.Context
	store   *store.Store
	effects *effect.Effects
	keeper  *rental.Keeper
	events  int
	spent   time.Duration // in transactions with events
	acting  time.Duration // in those of people and carriers
	making  time.Duration // of lists
}

func newHub(ctx context.Context, url string, w *world) (*hub, error) {
	s, err := store.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	h := &hub{ctx: ctx, store: s, effects: &effect.Effects{}, keeper: &rental.Keeper{}}
	done, err := h.keeper.Import(ctx, s, bulk.ReadRental(files(w)), "sim", w.begin.Add(-24*time.Hour))
	if err == nil && done.Refuse > 0 {
		err = fmt.Errorf("%d rows refused, the first: %+v", done.Refuse, done.Outcomes[0])
	}
	return h, err
}

// files are those of the warehouse: all pieces on their shelves.
func files(w *world) fstest.MapFS {
	var shelves, people, garments, items strings.Builder
	for n := range w.shelves() {
		fmt.Fprintf(&shelves, "%s,%s,%d,%d\n", shelfOf(n), house, n+1, perShelf*2)
	}
	for n := range w.Scanners {
		fmt.Fprintf(&people, "%s,%s,,\n", badgeOf(n), house)
	}
	for n := 0; n*perGarment < w.Pieces; n++ {
		fmt.Fprintf(&garments, "%s,Garment %d\n", gtinOf(n), n)
	}
	for _, p := range w.pieces {
		fmt.Fprintf(&items, "%s,%s,%s,A\n", p.id, house, p.place)
	}
	file := func(head string, b *strings.Builder) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(head + "\n" + b.String())}
	}
	return fstest.MapFS{
		bulk.WarehousesFile:  {Data: []byte("id,gln,name,swap_garment,swap_worst_grade\n" + house + ",9520001000058,House,true,B\n")},
		bulk.ShelvesFile:     file("id,warehouse_id,walk,room", &shelves),
		bulk.OperatorsFile:   file("badge,warehouse_id,pin,steps", &people),
		bulk.GarmentsFile:    file("gtin,name", &garments),
		bulk.RentalItemsFile: file("item,warehouse_id,shelf_id,grade", &items),
	}
}

// take applies what a scanner has recorded, as many in a transaction as a batch has.
func (h *hub) take(events []link.Event) error {
	began := time.Now()
	defer func() { h.spent += time.Since(began) }()
	for len(events) > 0 {
		batch := events[:min(len(events), 500)]
		events = events[len(batch):]
		h.events += len(batch)
		bodies := make([]protocol.Body, len(batch))
		for n, e := range batch {
			bodies[n] = e.Body
		}
		if err := h.store.Change(h.ctx, func(tx *store.Tx) error {
			if err := h.effects.Ahead(h.ctx, tx, bodies); err != nil {
				return err
			}
			for _, e := range batch {
				err := h.effects.Apply(h.ctx, tx, e)
				if err != nil && !errors.As(err, new(*link.NotApplied)) {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (h *hub) change(fn func(tx *store.Tx) error) error {
	began := time.Now()
	defer func() { h.acting += time.Since(began) }()
	return h.store.Change(h.ctx, fn)
}

// lists are what a scanner would be sent now.
func (h *hub) lists(now time.Time) (p protocol.WarehousePlan, items []protocol.ItemsPlan, err error) {
	began := time.Now()
	defer func() { h.making += time.Since(began) }()
	var parts map[string][]byte
	if err = h.store.Read(h.ctx, func(tx *store.Tx) (err error) {
		parts, err = plan.Build(h.ctx, tx, plan.RoleScanner, house, protocol.Revision, now)
		return err
	}); err != nil {
		return p, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		body := parts[name]
		switch {
		case strings.HasPrefix(name, "warehouse/"):
			var part protocol.WarehousePlan
			err = errors.Join(err, protocol.DecodeBody(body, &part))
			p = warehouse.Join(p, part)
		case strings.HasPrefix(name, "items/"):
			var i protocol.ItemsPlan
			err = errors.Join(err, protocol.DecodeBody(body, &i))
			items = append(items, i)
		}
	}
	return p, items, err
}

// item is what the hub says of a piece.
func (h *hub) item(id string) (i store.RentalItem, err error) {
	err = h.store.Read(h.ctx, func(tx *store.Tx) (err error) {
		i, err = tx.RentalItem(h.ctx, id)
		return err
	})
	return i, err
}

// work lists what people have to look at, by its subject.
func (h *hub) work() (open map[string][]store.WorkView, err error) {
	open = map[string][]store.WorkView{}
	err = h.store.Read(h.ctx, func(tx *store.Tx) error {
		all, err := tx.Work(h.ctx, false, 1_000_000)
		for _, v := range all {
			open[v.Subject] = append(open[v.Subject], v)
		}
		return err
	})
	return open, err
}
