package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

const date = "2026-12-01"

// base is the first moment of the histories here: the cutoff of loc-1.
var base = time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }

// believed is one sentence of the naive history: from valid on a thing is there, or nowhere. Later sentences overrule earlier
// ones from their valid time on.
type believed struct {
	thing        string
	valid, known int
	where        string // slot of a container, container of an item; empty for none
}

// told is a word of a device.
type told struct {
	step            int // 1 to 4, as in dispatch.State
	event, received int
	box             int
}

// replay is the history as anybody would write it down: everything that was said, in order.
type replay struct {
	said   []believed
	events []told
}

func (r *replay) where(thing string, known, valid int) (where string) {
	for _, b := range r.said {
		if b.thing == thing && b.known <= known && b.valid <= valid {
			where = b.where
		}
	}
	return where
}

func (r *replay) state(box, known, valid int) dispatch.State {
	furthest, filled := 0, false
	for _, e := range r.events {
		if e.box == box && e.received <= known {
			filled = filled || e.step == 1
			if e.event <= valid {
				furthest = max(furthest, e.step)
			}
		}
	}
	if !filled {
		furthest = 0
	}
	return []dispatch.State{dispatch.Planned, dispatch.Filled, dispatch.OnAddress, dispatch.Loaded, dispatch.Placed}[furthest]
}

const (
	historyContainers = 3
	historyItems      = 3
	otherBox          = 9 // used on the next date
)

// look is what the naive history says of the location.
func (r *replay) look(known, valid int) map[string]dispatch.Past {
	all := map[string]dispatch.Past{}
	for c := range historyContainers {
		id := fmt.Sprintf("c%d", c)
		if slot := r.where(id, known, valid); slot != "" {
			all[id] = dispatch.Past{ContainerID: id, SlotID: slot, State: r.state(c, known, valid)}
		}
	}
	for i := range historyItems {
		c := r.where(fmt.Sprintf("i%d", i), known, valid)
		if p, ok := all[c]; ok {
			p.Items++
			all[c] = p
		}
	}
	return all
}

// historian does the same to the database.
type historian struct {
	ctx    context.Context
	tx     *store.Tx
	t      *rapid.T
	replay replay
	number uint64
}

func (h *historian) exec(query string, args ...any) {
	_, err := h.tx.Exec(h.ctx, query, args...)
	require.NoError(h.t, err)
}

func (h *historian) say(thing, where string, valid, known int) {
	h.replay.said = append(h.replay.said, believed{thing, valid, known, where})
}

func since(valid, known int) store.Since {
	return store.Since{Valid: minute(valid), Known: minute(known)}
}

// container moves, opens or closes a container. Each has two slots of its own.
func (h *historian) container(c, valid, known int, slot string, there bool) {
	id := fmt.Sprintf("c%d", c)
	require.NoError(h.t, h.tx.KeepContainer(h.ctx, id, since(valid, known), "move"))
	at := []any{id, slot, minute(valid).UnixMilli(), minute(known).UnixMilli()}
	switch {
	case slot == "":
		h.exec("DELETE FROM dated_containers WHERE id = $1", id)
	case there:
		h.exec("UPDATE dated_containers SET slot_id = $2, valid_from = $3, known_from = $4 WHERE id = $1", at...)
	default:
		h.exec(`INSERT INTO dated_containers (id, slot_id, valid_from, known_from, sequence, delivery_date, location_id, fridge_id, fridge_kind,
			capacity_ml, used_ml, shop_id, collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state)
			VALUES ($1, $2, $3, $4, $5, '2026-12-01', 'loc-1', 'loc-1-f1', 'refrigerated', 1000, 0, 'shop-a', 'spot-1', 'cold',
			'route-1@2026-12-01', 'box-1-cold', 9, $5, $6, 'planned')`, append(at, c+1, fmt.Sprintf("spot-1-%d", c+1))...)
	}
	h.say(id, slot, valid, known)
}

func (h *historian) item(i, valid, known int, container string, there bool) {
	require.NoError(h.t, h.tx.KeepItem(h.ctx, "o-1", 1, int64(i+1), since(valid, known), "move"))
	at := []any{i + 1, container, minute(valid).UnixMilli(), minute(known).UnixMilli()}
	switch {
	case container == "":
		h.exec("DELETE FROM order_items WHERE unit = $1", i+1)
	case there:
		h.exec("UPDATE order_items SET dated_container_id = $2, valid_from = $3, known_from = $4 WHERE unit = $1", at...)
	default:
		h.exec(`INSERT INTO order_items (unit, dated_container_id, valid_from, known_from, order_id, line, delivery_date, product_id, shop_id,
			category, short) VALUES ($1, $2, $3, $4, 'o-1', 1, '2026-12-01', 'a-cold', 'shop-a', 'cold', FALSE)`, at...)
	}
	h.say(fmt.Sprintf("i%d", i), container, valid, known)
}

// event is word of a step of a box, which is bound to the container of its number.
func (h *historian) event(box, step, at, received int) {
	h.number++
	require.NoError(h.t, h.tx.AddEvent(h.ctx, store.EventRow{Device: "scanner-a", Incarnation: "i", Number: h.number, Boot: 1,
		Kind: [...]uint16{0, 10, 12, 21, 30}[step], Subject: fmt.Sprintf("box-%d", box%otherBox), Body: []byte{}, EventAt: minute(at),
		ReceivedAt: minute(received), Outcome: store.Applied}))
	if step == 1 {
		id := fmt.Sprintf("c%d", box)
		if box >= otherBox {
			id = "next-day"
		}
		h.exec("UPDATE dated_containers SET grai = $2, filled_at = CASE WHEN filled_at < $3 THEN filled_at ELSE $3 END WHERE id = $1",
			id, fmt.Sprintf("box-%d", box%otherBox), minute(at).UnixMilli())
	}
	h.replay.events = append(h.replay.events, told{step, at, received, box})
}

// act draws something that changes the numbering at known, most often at once, sometimes learnt late.
func (h *historian) act(known int) {
	t := h.t
	valid := known - max(0, rapid.IntRange(-20, 15).Draw(t, "late"))
	c, i := rapid.IntRange(0, historyContainers-1).Draw(t, "container"), rapid.IntRange(0, historyItems-1).Draw(t, "item")
	now := func(thing string) string { return h.current(thing) }
	id := fmt.Sprintf("c%d", c)
	switch rapid.SampledFrom([]string{"container", "container", "close", "item", "item", "take off"}).Draw(t, "act") {
	case "container":
		slots := []string{fmt.Sprintf("s-%d", 2*c), fmt.Sprintf("s-%d", 2*c+1)}
		h.container(c, valid, known, rapid.SampledFrom(slots).Draw(t, "slot"), now(id) != "")
	case "close":
		holds := false
		for j := range historyItems {
			holds = holds || now(fmt.Sprintf("i%d", j)) == id
		}
		if now(id) != "" && !holds {
			h.container(c, valid, known, "", true)
		}
	case "item":
		if now(id) != "" {
			h.item(i, valid, known, id, now(fmt.Sprintf("i%d", i)) != "")
		}
	case "take off":
		if now(fmt.Sprintf("i%d", i)) != "" {
			h.item(i, valid, known, "", true)
		}
	}
}

// current is what the tables of the present hold: the last word, whatever time it is about.
func (h *historian) current(thing string) (where string) {
	for _, b := range h.replay.said {
		if b.thing == thing {
			where = b.where
		}
	}
	return where
}

// history draws a history, and asks of many moments what it was.
func (h *historian) history() {
	t := h.t
	h.exec(`INSERT INTO orders (id, sequence, delivery_date, location_id, customer_id, state, refused_limit, refused_what, placed_by, placed_at)
		VALUES ('o-1', 1, '2026-12-01', 'loc-1', 'm', 'accepted', '', '', 'p', 0)`)
	h.exec("INSERT INTO order_lines (order_id, line, product_id, quantity) VALUES ('o-1', 1, 'a-cold', 3)")
	require.NoError(t, h.tx.AddDevice(h.ctx, fleet.Device{ID: "scanner-a", Place: "shop-a", Role: fleet.Scanner, AddedAt: base, AddedBy: "p"}))
	h.exec(`INSERT INTO dated_containers (id, slot_id, sequence, delivery_date, location_id, fridge_id, fridge_kind, capacity_ml, used_ml,
		shop_id, collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state)
		VALUES ('next-day', 's-0', 1, '2026-12-02', 'loc-1', 'loc-1-f1', 'refrigerated', 1000, 0, 'shop-a', 'spot-1', 'cold',
		'route-1@2026-12-02', 'box-1-cold', 9, 1, 'spot-1-1', 'planned')`)
	known := 100
	for range rapid.IntRange(1, 14).Draw(t, "acts") {
		known += rapid.IntRange(0, 6).Draw(t, "pause")
		h.act(known)
	}
	for c := range historyContainers {
		if h.current(fmt.Sprintf("c%d", c)) == "" {
			continue // no box is ever bound to a container that is gone
		}
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			at := rapid.IntRange(90, 160).Draw(t, "at")
			received := at + rapid.IntRange(0, 60).Draw(t, "received later")
			h.event(c, rapid.IntRange(1, 4).Draw(t, "step"), at, received)
		}
	}
	if rapid.Bool().Draw(t, "the box goes round") { // filled for the next date, when this one is hardly over
		h.event(otherBox, 1, 18*60, 18*60+1)
		h.event(otherBox, 4, 18*60+5, 18*60+6)
	}
	moments := rapid.SampledFrom(h.moments())
	for range 20 {
		k := moments.Draw(t, "known at") + rapid.IntRange(-1, 1).Draw(t, "beside")
		v := moments.Draw(t, "valid at") + rapid.IntRange(-1, 1).Draw(t, "beside")
		got, err := h.tx.History(h.ctx, "loc-1", date, minute(k), minute(v))
		require.NoError(t, err)
		seen := map[string]dispatch.Past{}
		for _, p := range got {
			require.NotContains(t, seen, p.ContainerID, "twice at once: known at %d, valid at %d", k, v)
			seen[p.ContainerID] = dispatch.Past{ContainerID: p.ContainerID, SlotID: p.SlotID, Items: p.Items, State: p.State}
		}
		require.Equal(t, h.replay.look(k, v), seen, "known at %d, valid at %d", k, v)
	}
}

// moments are all those at which something changed, and the first.
func (h *historian) moments() []int {
	all := []int{100}
	for _, b := range h.replay.said {
		all = append(all, b.valid, b.known)
	}
	for _, e := range h.replay.events {
		all = append(all, e.event, e.received)
	}
	return all
}

var errUndo = errors.New("undo")

func historyNetwork(t *testing.T) bulk.Network {
	return storetest.Network(t, bulk.SlotsFile, "loc-1-f1-s1,loc-1-f1,1000\n",
		"s-0,loc-1-f1,1000\ns-1,loc-1-f1,1000\ns-2,loc-1-f1,1000\ns-3,loc-1-f1,1000\ns-4,loc-1-f1,1000\ns-5,loc-1-f1,1000\n",
		bulk.ShippersFile, "cold,2,", "cold,9,")
}

func TestHistoryIsWhatANaiveReplaySays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		storetest.Import(t, s, historyNetwork(t))
		rapid.Check(t, func(rt *rapid.T) {
			err := s.Change(t.Context(), func(tx *store.Tx) error {
				(&historian{ctx: t.Context(), tx: tx, t: rt}).history()
				return errUndo
			})
			require.ErrorIs(rt, err, errUndo)
		})
	})
}

func TestWordThatComesLateIsKnownLate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		storetest.Import(t, s, historyNetwork(t))
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			h := &historian{ctx: t.Context(), tx: tx, t: nil}
			for _, q := range []string{
				`INSERT INTO dated_containers (id, slot_id, valid_from, known_from, sequence, delivery_date, location_id, fridge_id, fridge_kind,
				capacity_ml, used_ml, shop_id, collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state,
				grai, filled_at) VALUES ('c0', 's-0', 0, 0, 1, '2026-12-01', 'loc-1', 'loc-1-f1', 'refrigerated', 1000, 0, 'shop-a', 'spot-1',
				'cold', 'route-1@2026-12-01', 'box-1-cold', 9, 1, 'spot-1-1', 'planned', 'box-0', 0)`,
			} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			if err := tx.AddDevice(h.ctx, fleet.Device{ID: "scanner-a", Place: "shop-a", Role: fleet.Scanner, AddedAt: base, AddedBy: "p"}); err != nil {
				return err
			}
			for n, e := range []struct {
				kind         uint16
				at, received int
			}{{21, 20, 21}, {10, 10, 30}} { // the driver's word comes before the shop's
				if err := tx.AddEvent(t.Context(), store.EventRow{Device: "scanner-a", Incarnation: "i", Number: uint64(n + 1), Kind: e.kind,
					Subject: "box-0", Body: []byte{}, EventAt: minute(e.at), ReceivedAt: minute(e.received), Outcome: store.Applied}); err != nil {
					return err
				}
			}
			for _, c := range []struct {
				known, valid int
				want         dispatch.State
			}{{29, 29, dispatch.Planned}, {30, 30, dispatch.Loaded}, {30, 15, dispatch.Filled}, {30, 9, dispatch.Planned}} {
				got, err := tx.History(t.Context(), "loc-1", date, minute(c.known), minute(c.valid))
				require.NoError(t, err)
				require.Equal(t, c.want, got[0].State, "%+v", c)
			}
			_, err := tx.History(t.Context(), "loc-9", date, base, base)
			require.ErrorIs(t, err, store.ErrNotFound)
			return nil
		}))
	})
}

func TestTheReadmeShowsTheQueryThatIsRun(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(text), store.HistoryQuery)
}
