package door_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

const (
	date  = "2026-12-01"
	board = "station-1"
)

// at is a time on the date, in Tokyo. Cutoff is at 2, pickup from 11 to 17.
func at(hour, minute int) time.Time {
	return time.Date(2026, 12, 1, hour, minute, 0, 0, time.FixedZone("JST", 9*3600)).UTC()
}

// site is a hub's store with an order o-1 at loc-1 that is paid, whose code is drawn, and a board that has it.
type site struct {
	*testing.T
	store *store.Store
	doors *door.Service
	taken *disruption.Service
}

// each runs tests on both engines, each on a site of its own.
func each(t *testing.T, tests map[string]func(*site)) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range tests {
			t.Run(rule, func(t *testing.T) { test(open(t, empty())) })
		}
	})
}

func open(t *testing.T, url string) *site {
	s := &site{T: t, store: storetest.Open(t, url)}
	storetest.Import(t, s.store, storetest.Network(t))
	s.doors, s.taken = &door.Service{Store: s.store}, &disruption.Service{Store: s.store}
	storetest.Accept(t, s.store, at(0, 0), order.Request{ID: "o-1", DeliveryDate: date, LocationID: "loc-1", CustomerID: "member-1",
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}})
	s.change(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddDevice(ctx, fleet.Device{ID: board, Place: "loc-1", Role: fleet.Station, AddedAt: at(0, 0)}); err != nil {
			return err
		}
		p, err := payment.New(payment.Order{ID: "o-1", Held: true, Holds: true, Units: map[string]int64{"a-cold": 1},
			Lines: []payment.Line{{Number: 1, ProductID: "a-cold", Units: 1, UnitPriceYen: 300}}}, "ref-1", "pm_1", at(0, 0))
		require.NoError(t, err)
		_, err = tx.AddPayment(ctx, p)
		require.NoError(t, err)
		for _, step := range []func() error{func() error { return p.Open("pi-1", at(0, 0)) }, func() error { return p.Authorise(at(0, 0)) },
			func() error { return p.Confirm(at(0, 0)) }, func() error { return p.Capture(300, at(0, 0)) }} {
			require.NoError(t, step())
		}
		if err := tx.SaveBill(ctx, payment.Bill{Payment: p}); err != nil {
			return err
		}
		if err := tx.Freeze(ctx, date, at(2, 0)); err != nil {
			return err
		}
		return tx.AddGrant(ctx, dispatch.Grant{ID: "order-o-1", DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Customer,
			OrderID: "o-1", PIN: "11112345678", From: at(11, 0), Until: at(17, 0), IssuedAt: at(2, 0)})
	})
	s.hello(board, "i1", "")
	s.makePlans(at(2, 1))
	s.confirm(board, "i1", at(2, 2))
	return s
}

func (s *site) change(fn func(ctx context.Context, tx *store.Tx) error) {
	s.Helper()
	require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error { return fn(s.Context(), tx) }))
}

// hello is what the link does with one.
func (s *site) hello(device, incarnation, parent string) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.Device(ctx, device)
		if err != nil {
			return err
		}
		if err := tx.SupersedeLives(ctx, device, incarnation, at(10, 30)); err != nil {
			return err
		}
		life := fleet.Life{Incarnation: incarnation, Parent: parent, FirstHeardAt: at(1, 0), HeardAt: at(1, 0), Boot: 1, Session: 1}
		if err := tx.SaveLife(ctx, device, life); err != nil {
			return err
		}
		return tx.SaveDevice(ctx, d.Greet(fleet.Greeting{Incarnation: incarnation, Boot: 1, Session: 1, Revision: 4}, false, at(1, 0)))
	})
}

func (s *site) makePlans(now time.Time) {
	s.Helper()
	m := plan.NewMaker(s.store, live.New(), clock.New(time.Now(), now, 1), slog.New(slog.DiscardHandler))
	require.NoError(s, m.Make(s.Context(), "loc-1"))
}

// confirm is what the link does when a board says that its newest plan is in force.
func (s *site) confirm(device, incarnation string, when time.Time) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		p, _, err := tx.NewestPlan(ctx, device)
		if err != nil {
			return err
		}
		if err := tx.AnswerPlan(ctx, device, incarnation, p.Version, "", when); err != nil {
			return err
		}
		_, err = tx.SettleRevoking(ctx, "loc-1", when)
		return err
	})
}

// takeOff calls the order off.
func (s *site) takeOff(when time.Time) {
	s.Helper()
	_, err := s.taken.TakeOff(s.Context(), "o-1", disruption.Act{By: "p-disp", Reason: "spoilt", At: when, Apply: true})
	require.NoError(s, err)
}

func (s *site) used(when, heard time.Time) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.GrantUsed(ctx, "order-o-1", "loc-1", "loc-1-f1", when, heard)
	})
}

// settle is what the clock's work does.
func (s *site) settle(now time.Time) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SettleRevoking(ctx, "", now)
		return err
	})
}

func (s *site) code() (r dispatch.Revocation) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.CodesOfOrder(ctx, "o-1")
		require.NotEmpty(s, all)
		r = all[0]
		return err
	})
	return r
}

// money is the state of the order's only refund after what is due was done; empty for none.
func (s *site) money(now time.Time) payment.RefundState {
	s.Helper()
	pay := payment.NewService(s.store.Payments(), nil)
	tasks, err := pay.Claim(s.Context(), now, now.Add(time.Minute), 10)
	require.NoError(s, err)
	for _, t := range tasks {
		_, _, err := pay.Turn(s.Context(), t, payment.Answer{}, now, now.Add(time.Minute))
		require.NoError(s, err)
	}
	b, _, _, err := pay.Of(s.Context(), "o-1")
	require.NoError(s, err)
	if len(b.Refunds) == 0 {
		return ""
	}
	require.Len(s, b.Refunds, 1)
	return b.Refunds[0].State
}

// closeWork closes the work of a kind by hand.
func (s *site) closeWork(kind string, now time.Time) error {
	return s.store.Change(s.Context(), func(tx *store.Tx) error {
		all, err := tx.Work(s.Context(), false, 100)
		for _, w := range all {
			if err == nil && w.Kind == kind {
				err = tx.CloseWork(s.Context(), w.ID, "p-1", now)
			}
		}
		return err
	})
}

func (s *site) work() (kinds []string) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Work(ctx, false, 100)
		for _, w := range all {
			kinds = append(kinds, w.Kind)
		}
		return err
	})
	return kinds
}
