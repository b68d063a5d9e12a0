package disruption_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

const date = "2026-12-01"

// before is before the cutoffs of the small network's first date.
var before = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// site is a hub's store with the service on it.
type site struct {
	*testing.T
	store   *store.Store
	orders  *order.Service
	service *disruption.Service
	minute  int
	touched []string
}

func open(t *testing.T, url string, replace ...string) *site {
	s := &site{T: t, store: storetest.Open(t, url)}
	storetest.Import(t, s.store, storetest.Network(t, replace...))
	s.orders = order.NewService(s.store.Orders())
	s.service = &disruption.Service{Store: s.store, Touch: func(place string) { s.touched = append(s.touched, place) }}
	return s
}

// each runs tests on both engines, each on a site of its own.
func each(t *testing.T, tests map[string]func(*site)) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range tests {
			t.Run(rule, func(t *testing.T) { test(open(t, empty())) })
		}
	})
}

func (s *site) act() disruption.Act {
	s.minute++
	return disruption.Act{By: "p-disp", Reason: "the compressor is broken", At: before.Add(time.Duration(s.minute) * time.Minute), Apply: true}
}

func (s *site) place(id, location string, of ...any) order.Outcome {
	s.Helper()
	r := order.Request{ID: id, DeliveryDate: date, LocationID: location, CustomerID: "member-" + id}
	for i := 0; i+1 < len(of); i += 2 {
		r.Lines = append(r.Lines, order.Line{ProductID: of[i].(string), Quantity: int64(of[i+1].(int))})
	}
	s.minute++
	o, err := s.orders.Place(s.Context(), r, before.Add(time.Duration(s.minute)*time.Minute), "p-test")
	require.NoError(s, err)
	return o
}

func (s *site) get(id string) order.Order {
	s.Helper()
	o, err := s.orders.Get(s.Context(), id)
	require.NoError(s, err)
	return o
}

func read[T any](s *site, fn func(*store.Tx) (T, error)) (v T) {
	s.Helper()
	require.NoError(s, s.store.Read(s.Context(), func(tx *store.Tx) (err error) {
		v, err = fn(tx)
		return err
	}))
	return v
}

func (s *site) notices() []store.Notice {
	return read(s, func(tx *store.Tx) ([]store.Notice, error) { return tx.Notices(s.Context(), 0, "", 100) })
}

// sound says whether the stored numbering is one that the network as it is now allows.
func (s *site) sound() {
	s.Helper()
	d := read(s, func(tx *store.Tx) (order.Date, error) { return tx.Date(s.Context(), date) })
	_, err := capacity.NewBook(d.Network, d.State)
	require.NoError(s, err)
}

func (s *site) freeze() {
	s.Helper()
	require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error {
		if err := tx.Freeze(s.Context(), date, before.Add(5*time.Hour)); err != nil {
			return err
		}
		_, err := tx.MakeEditions(s.Context(), date, nil, "hub", "cutoff", before.Add(5*time.Hour))
		return err
	}))
	s.minute = 6 * 60
}

var slot1 = order.Out{Kind: order.OutSlot, ID: "loc-1-f1-s1"}

func TestBeforeCutoff(t *testing.T) {
	each(t, map[string]func(*site){
		"what can move does, and nobody goes": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			r, err := s.service.TakeOut(s.Context(), date, slot1, s.act())
			require.NoError(s, err)
			require.Equal(s, []string{"C-20261201-0001"}, r.Moved)
			require.Empty(s, r.CalledOff)
			require.Equal(s, "loc-1-f1-s2", s.get("o-1").Items[0].SlotID)
			require.Empty(s, s.notices())
			require.Empty(s, s.touched, "devices get their plans at cutoff")
			then := read(s, func(tx *store.Tx) ([]dispatch.Past, error) {
				at := before.Add(90 * time.Second) // after o-1, before the outage
				return tx.History(s.Context(), "loc-1", date, at, at)
			})
			require.Equal(s, "loc-1-f1-s1", then[0].SlotID)
		},
		"who was accepted last goes, whole, is told, and is asked about first": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-1", "b-cold", 1, "a-dry", 1)
			look := s.act()
			look.Apply = false
			preview, err := s.service.TakeOut(s.Context(), date, slot1, look)
			require.NoError(s, err)
			require.False(s, preview.Applied)
			require.Equal(s, []disruption.Gone{{OrderID: "o-2", LocationID: "loc-1", Units: 2}}, preview.CalledOff)
			require.Equal(s, order.Accepted, s.get("o-2").State, "only looked")
			require.Empty(s, s.notices())

			do := s.act()
			do.Expect = preview.Mark()
			r, err := s.service.TakeOut(s.Context(), date, slot1, do)
			require.NoError(s, err)
			require.True(s, r.Applied)
			require.Equal(s, preview.CalledOff, r.CalledOff)
			gone := s.get("o-2")
			require.Equal(s, order.CalledOff, gone.State)
			require.Equal(s, do.Reason, gone.EndReason)
			require.Empty(s, gone.Items)
			require.Equal(s, "loc-1-f1-s2", s.get("o-1").Items[0].SlotID)
			require.Equal(s, []store.Notice{{Number: 1, OrderID: "o-2", CustomerID: "member-o-2", Kind: store.NoticeCalledOff, MadeAt: do.At,
				Parameters: store.NoticeParameters{Reason: alarm.Said(do.Reason)}}}, s.notices())
			s.sound()

			require.Equal(s, order.Refused, s.place("o-3", "loc-1", "b-cold", 1).State)
			_, err = s.service.TakeOut(s.Context(), date, slot1, s.act())
			require.ErrorIs(s, err, disruption.ErrAlready)
			_, err = s.service.PutBack(s.Context(), date, slot1, s.act())
			require.NoError(s, err)
			require.Equal(s, order.Accepted, s.place("o-4", "loc-1", "b-cold", 1).State, "its capacity is there again")
			require.Equal(s, order.CalledOff, s.get("o-2").State, "who has been told no is not called back")
			_, err = s.service.PutBack(s.Context(), date, slot1, s.act())
			require.ErrorIs(s, err, store.ErrNotFound)
		},
		"a held order goes like an accepted one": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			_, err := s.orders.Place(s.Context(), order.Request{ID: "o-2", DeliveryDate: date, LocationID: "loc-1", CustomerID: "m", Hold: time.Hour,
				Lines: []order.Line{{ProductID: "b-cold", Quantity: 1}}}, before, "p")
			require.NoError(s, err)
			require.Equal(s, order.Held, s.get("o-2").State)
			p := read(s, func(tx *store.Tx) (dispatch.Preview, error) { return tx.Preview(s.Context(), date, before) })
			require.Equal(s, []int{1, 1, 1}, []int{p.Accepted, p.Held, p.Of("route-1").OnlyHeld})
			require.Equal(s, before.Add(time.Hour), p.LastHold)
			_, err = s.service.TakeOut(s.Context(), date, slot1, s.act())
			require.NoError(s, err)
			require.Equal(s, order.CalledOff, s.get("o-2").State)
			_, err = s.orders.Confirm(s.Context(), "o-2", "p", before.Add(time.Minute))
			require.ErrorIs(s, err, order.ErrEnded, "a payment that comes now finds no order")
		},
		"a delivery that is called off takes all its orders, and no new ones": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-2", "a-cold", 1)
			r, err := s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutLocation, ID: "loc-1"}, s.act())
			require.NoError(s, err)
			require.Len(s, r.CalledOff, 1)
			require.Equal(s, order.Accepted, s.get("o-2").State)
			_, err = s.orders.Place(s.Context(), order.Request{ID: "o-3", DeliveryDate: date, LocationID: "loc-1", CustomerID: "m",
				Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, before, "p")
			require.ErrorAs(s, err, new(*order.FieldError))
		},
		"a run that is called off takes what no other run can bring": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-2", "a-cold", 1)
			r, err := s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutRun, ID: "route-1@" + date}, s.act())
			require.NoError(s, err)
			require.Equal(s, "o-1", r.CalledOff[0].OrderID)
			require.Len(s, r.CalledOff, 1)
			require.Equal(s, order.Refused, s.place("o-3", "loc-1", "a-cold", 1).State)
		},
		"a shipper, an address and a fridge at a spot can break": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			was := s.get("o-1").Items[0]
			_, err := s.service.TakeOut(s.Context(), date, order.Out{Kind: order.OutAddress, ID: was.AddressID}, s.act())
			require.NoError(s, err)
			require.NotEqual(s, was.AddressID, s.get("o-1").Items[0].AddressID)
			look := s.act()
			look.Apply = false
			for _, out := range []order.Out{{Kind: order.OutShipper, ID: "box-1-cold"}, {Kind: order.OutFridge, ID: "spot-1-f1"},
				{Kind: order.OutFridge, ID: "loc-1-f1"}} {
				r, err := s.service.TakeOut(s.Context(), date, out, look)
				require.NoError(s, err)
				require.Len(s, r.CalledOff, 1, out)
			}
			for _, out := range []order.Out{{Kind: order.OutSlot, ID: "none"}, {Kind: order.OutRun, ID: "route-1@2026-12-02"}, {Kind: "moon", ID: "x"}} {
				_, err = s.service.TakeOut(s.Context(), date, out, s.act())
				require.ErrorIs(s, err, store.ErrNotFound, out)
			}
		},
		"a limit below what is sold sells no more, and takes back only when that is asked for": func(s *site) {
			s.place("o-1", "loc-1", "a-rare", 1)
			s.place("o-2", "loc-1", "a-rare", 1, "a-cold", 1)
			s.place("o-3", "loc-1", "a-rare", 1)
			r, err := s.service.Limit(s.Context(), date, "a-rare", 1, false, s.act())
			require.NoError(s, err)
			require.Empty(s, r.CalledOff)
			require.Equal(s, order.Accepted, s.get("o-3").State)
			require.Equal(s, capacity.SalesLimit, s.place("o-4", "loc-1", "a-rare", 1).Limit)

			do := s.act()
			r, err = s.service.Limit(s.Context(), date, "a-rare", 1, true, do)
			require.NoError(s, err)
			require.Equal(s, []disruption.Gone{{OrderID: "o-3", LocationID: "loc-1", Units: 1}}, r.CalledOff)
			require.Equal(s, []disruption.Withdrawn{{OrderID: "o-2", ProductID: "a-rare", Units: 1}}, r.Withdrawn)
			require.Equal(s, order.CalledOff, s.get("o-3").State)
			require.Equal(s, order.Accepted, s.get("o-2").State)
			require.Equal(s, int64(1), s.get("o-2").LineStates[0].Withdrawn)
			require.Len(s, s.get("o-2").Items, 1)
			told := s.notices()
			require.Len(s, told, 2)
			require.Equal(s, []store.NoticedUnits{{ProductID: "a-rare", Name: "特選", Units: 1}}, told[1].Parameters.Products)
			again, err := s.service.Limit(s.Context(), date, "a-rare", 1, true, s.act())
			require.NoError(s, err)
			require.Empty(s, again.Withdrawn)
			require.Len(s, s.notices(), 2, "told once")
			s.sound()
			_, err = s.service.Limit(s.Context(), date, "none", 1, true, s.act())
			require.ErrorIs(s, err, store.ErrNotFound)
		},
		"nothing is done for no reason, nor when something else comes of it than was looked at": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			look := s.act()
			look.Apply = false
			preview, err := s.service.TakeOut(s.Context(), date, slot1, look)
			require.NoError(s, err)
			s.place("o-2", "loc-1", "b-cold", 1)
			do := s.act()
			do.Expect = preview.Mark()
			_, err = s.service.TakeOut(s.Context(), date, slot1, do)
			require.ErrorIs(s, err, disruption.ErrChanged)
			require.Equal(s, order.Accepted, s.get("o-2").State)
			do.Reason = ""
			_, err = s.service.TakeOut(s.Context(), date, slot1, do)
			require.ErrorAs(s, err, new(*disruption.ReasonError))
			_, err = s.service.TakeOut(s.Context(), "2026-12-25", slot1, s.act())
			require.ErrorIs(s, err, order.ErrNoDelivery)
		},
		"the money goes back with what is called off, and with units that are withdrawn": func(s *site) {
			for _, id := range []string{"o-1", "o-2"} {
				s.place(id, "loc-1", "a-rare", 1, "a-cold", 1)
				require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error {
					p := payment.Payment{OrderID: id, Reference: id, State: payment.Authorised, AmountYen: 300, BegunAt: before,
						Lines: []payment.Line{{Number: 1, ProductID: "a-rare", Units: 1, UnitPriceYen: 100},
							{Number: 2, ProductID: "a-cold", Units: 1, UnitPriceYen: 200}}}
					if _, err := tx.AddPayment(s.Context(), p); err != nil {
						return err
					}
					p.State, p.CapturedYen, p.ChangedAt = payment.Captured, 300, before
					return tx.SaveBill(s.Context(), payment.Bill{Payment: p})
				}))
			}
			owed := func(id string) (yen int64) {
				for _, r := range read(s, func(tx *store.Tx) (payment.Bill, error) { return tx.Bill(s.Context(), id) }).Refunds {
					yen += r.AmountYen
				}
				return yen
			}
			look := s.act()
			look.Apply = false
			_, err := s.service.Limit(s.Context(), date, "a-rare", 1, true, look)
			require.NoError(s, err)
			require.Zero(s, owed("o-2"), "only looked")
			_, err = s.service.Limit(s.Context(), date, "a-rare", 1, true, s.act())
			require.NoError(s, err)
			require.Equal(s, []int64{0, 100}, []int64{owed("o-1"), owed("o-2")})
			_, err = s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutLocation, ID: "loc-1"}, s.act())
			require.NoError(s, err)
			require.Equal(s, []int64{300, 300}, []int64{owed("o-1"), owed("o-2")})
		},
		"there are no exceptions before cutoff": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			_, err := s.service.TakeOff(s.Context(), "o-1", s.act())
			require.ErrorIs(s, err, disruption.ErrNotFrozen)
			_, err = s.service.Move(s.Context(), "C-20261201-0001", dispatch.Where{SlotID: "loc-1-f1-s2"}, s.act())
			require.ErrorIs(s, err, disruption.ErrNotFrozen)
		},
	})
}

func TestOrdersThatComeWhileAFridgeBreaksAreNeverInIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), bulk.ProductsFile, "cold,100,3", "cold,100,300")
		var all sync.WaitGroup
		for n := range 24 {
			all.Go(func() {
				_, err := s.orders.Place(t.Context(), order.Request{ID: fmt.Sprintf("o-%d", n), DeliveryDate: date, LocationID: "loc-1", CustomerID: "m",
					Lines: []order.Line{{ProductID: []string{"a-rare", "b-cold"}[n%2], Quantity: 1}}}, before, "p")
				require.NoError(t, err)
			})
		}
		for range 3 {
			act := s.act()
			_, err := s.service.TakeOut(t.Context(), date, slot1, act)
			require.NoError(t, err)
			s.sound()
			_, err = s.service.PutBack(t.Context(), date, slot1, s.act())
			require.NoError(t, err)
		}
		_, err := s.service.TakeOut(t.Context(), date, slot1, s.act())
		require.NoError(t, err)
		all.Wait()
		s.sound()
		off := 0
		orders := read(s, func(tx *store.Tx) ([]order.Order, error) { return tx.ListOrders(t.Context(), order.Filter{Date: date}) })
		for _, o := range orders {
			if o.State == order.CalledOff {
				off++
			}
		}
		require.Len(t, s.notices(), off, "each one that was called off is told, and nobody else")
	})
}
