package order_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var arrived = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func request(id string, quantity int64) order.Request {
	return order.Request{ID: id, DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "member-1",
		Lines: []order.Line{{ProductID: "a-rare", Quantity: quantity}}}
}

// faulty is a store whose next change fails as asked.
type faulty struct {
	order.Store
	beforeCommit, afterCommit error
	stale                     bool // somebody else always comes first
	changes                   int
}

func (f *faulty) Change(ctx context.Context, fn func(order.Tx) error) error {
	f.changes++
	before, after := f.beforeCommit, f.afterCommit
	f.beforeCommit, f.afterCommit = nil, nil
	err := f.Store.Change(ctx, func(tx order.Tx) error {
		if f.stale {
			tx = staleTx{tx}
		}
		return errors.Join(fn(tx), before)
	})
	return errors.Join(err, after)
}

type staleTx struct{ order.Tx }

func (staleTx) RaiseDate(context.Context, string, order.Mark, order.Mark, time.Time) (bool, error) {
	return false, nil
}

func newFaulty(t *testing.T) (*faulty, *order.Service) {
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, storetest.Network(t)) // three units of a-rare are sold a date
	f := &faulty{Store: s.Orders()}
	return f, order.NewService(f)
}

var errLost = errors.New("connection lost")

func TestAfterAnUnknownCommitTheMemoryIsLoadedAgain(t *testing.T) {
	f, s := newFaulty(t)
	f.afterCommit = errLost
	_, err := s.Place(t.Context(), request("o-1", 2), arrived, "person-1")
	require.ErrorIs(t, err, errLost)
	o, err := s.Place(t.Context(), request("o-1", 2), arrived, "person-1")
	require.NoError(t, err)
	require.True(t, o.Repeated, "it had been stored")
	o, err = s.Place(t.Context(), request("o-2", 2), arrived, "person-1")
	require.NoError(t, err)
	require.Equal(t, order.Refused, o.State, "and it counts")
}

func TestAFailedCommitTakesNothing(t *testing.T) {
	f, s := newFaulty(t)
	f.beforeCommit = errLost
	_, err := s.Place(t.Context(), request("o-1", 3), arrived, "person-1")
	require.ErrorIs(t, err, errLost)
	_, err = s.Get(t.Context(), "o-1")
	require.ErrorIs(t, err, order.ErrNotFound)
	o, err := s.Place(t.Context(), request("o-2", 3), arrived, "person-1")
	require.NoError(t, err)
	require.Equal(t, order.Accepted, o.State)
}

func TestADateThatOthersKeepChangingIsBusyAndNotForEver(t *testing.T) {
	f, s := newFaulty(t)
	f.stale = true
	_, err := s.Place(t.Context(), request("o-1", 1), arrived, "person-1")
	require.ErrorIs(t, err, order.ErrBusy)
	require.Equal(t, 100, f.changes)
}

func TestWaitingForADateEndsWithTheContext(t *testing.T) {
	f, s := newFaulty(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	slow := order.NewService(blocking{f, inside, leave})
	go func() {
		_, err := slow.Place(t.Context(), request("o-1", 1), arrived, "person-1")
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := slow.Place(ctx, request("o-2", 1), arrived, "person-1")
	require.ErrorIs(t, err, context.Canceled)
	close(leave)
	require.NoError(t, <-done)
	_, err = s.Get(t.Context(), "o-1")
	require.NoError(t, err)
}

// blocking stops in each change until it may go on.
type blocking struct {
	order.Store
	inside, leave chan struct{}
}

func (b blocking) Change(ctx context.Context, fn func(order.Tx) error) error {
	b.inside <- struct{}{}
	<-b.leave
	return b.Store.Change(ctx, fn)
}

// Dates that nothing is delivered on must not pile up in memory, nor may too many that something is.
func TestNotTooManyDatesAreHeldInMemory(t *testing.T) {
	_, s := newFaulty(t)
	for day := range 10 {
		r := request(fmt.Sprintf("o-%d", day), 1)
		r.DeliveryDate = arrived.AddDate(1, 0, day).Format(time.DateOnly)
		_, err := s.Remaining(t.Context(), r.DeliveryDate)
		require.ErrorIs(t, err, order.ErrNoDelivery)
		_, err = s.Place(t.Context(), r, arrived, "person-1")
		require.ErrorAs(t, err, new(*order.FieldError))
	}
	require.Zero(t, s.Dates())

	files := storetest.Files()
	for day := range 70 {
		d := arrived.AddDate(1, 0, day).Format(time.DateOnly)
		files[bulk.DeliveriesFile] += fmt.Sprintf("loc-1,%s,%sT02:00:00+09:00,%sT11:00:00+09:00,%sT17:00:00+09:00\n", d, d, d, d)
	}
	n, err := bulk.ReadNetwork(storetest.FS(files))
	require.NoError(t, err)
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, db, n)
	s = order.NewService(db.Orders())
	for round := range 2 {
		for day := range 70 {
			r := request(fmt.Sprintf("o-%d-%d", round, day), 2)
			r.DeliveryDate = arrived.AddDate(1, 0, day).Format(time.DateOnly)
			o, err := s.Place(t.Context(), r, arrived, "person-1")
			require.NoError(t, err)
			require.Equal(t, round == 0, o.Accepted(), "what was forgotten is loaded again")
		}
	}
	require.Equal(t, 64, s.Dates())
}

func TestRequestsAreCheckedOnTheirFace(t *testing.T) {
	require.NoError(t, request("o-1", 1).Check())
	for want, change := range map[string]func(*order.Request){
		`order_id: "": want an id`:                                 func(r *order.Request) { r.ID = "" },
		`order_id: "../etc": want an id`:                           func(r *order.Request) { r.ID = "../etc" },
		`location_id: "駅": want an id`:                             func(r *order.Request) { r.LocationID = "駅" },
		`customer_id: "a b": want an id`:                           func(r *order.Request) { r.CustomerID = "a b" },
		`delivery_date: "tomorrow": want a date`:                   func(r *order.Request) { r.DeliveryDate = "tomorrow" },
		`lines: "0": want 1 to 200 lines`:                          func(r *order.Request) { r.Lines = nil },
		`lines: "201": want 1 to 200 lines`:                        func(r *order.Request) { r.Lines = make([]order.Line, 201) },
		`lines[0].product_id: "": want the id of a product`:        func(r *order.Request) { r.Lines[0].ProductID = "" },
		`lines[0].quantity: "-1": want a whole number from 1`:      func(r *order.Request) { r.Lines[0].Quantity = -1 },
		`lines[0].quantity: "1001": want a whole number from 1 to`: func(r *order.Request) { r.Lines[0].Quantity = 1001 },
	} {
		r := request("o-1", 1)
		change(&r)
		var wrong *order.FieldError
		require.ErrorAs(t, r.Check(), &wrong)
		require.ErrorContains(t, wrong, want)
	}
	long := request(strings.Repeat("x", 10_000), 1)
	require.Less(t, len(long.Check().Error()), 300, "what came is shown in part")
}

// Who holds and confirms without waiting for an answer may find both in one batch.
func TestWhoConfirmedIsStoredAlsoInTheBatchOfTheOrder(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	storetest.Import(t, s, storetest.Network(t))
	book := bookOf(t, s, "2026-12-01")
	decided := func(id string, more ...order.Decision) []order.Decision {
		r := request(id, 1)
		change, err := book.Place(id, r.LocationID, []capacity.Line{{Product: "a-rare", Quantity: 1}})
		require.NoError(t, err)
		place := order.Decision{Sequence: 1, Change: change, At: arrived, Order: order.Order{Request: r, State: order.Held,
			HoldUntil: arrived.Add(time.Minute), PlacedBy: "person-1", PlacedAt: arrived, LineStates: make([]order.LineState, 1)}}
		for i := range more {
			more[i].Order.ID, more[i].Order.DeliveryDate = id, r.DeliveryDate
		}
		return append([]order.Decision{place}, more...)
	}
	confirm := order.Decision{Verb: order.Confirm, From: order.Held, At: arrived, By: "person-2", Order: order.Order{State: order.Accepted}}
	both := decided("o-1", confirm)
	cancel := order.Decision{Verb: order.End, From: order.Accepted, At: arrived, By: "person-3", Cause: order.CauseCancel,
		Order: order.Order{State: order.Cancelled, EndedAt: arrived}}
	all := append(both, decided("o-2", confirm, cancel)...)
	all[len(all)-1].Change = book.Remove("o-2")
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.AddDecisions(t.Context(), all, arrived) }))
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite:"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for id, want := range map[string][2]string{"o-1": {"accepted", "person-2"}, "o-2": {"cancelled", ""}} {
		var got [2]string
		require.NoError(t, db.QueryRow("SELECT state, confirmed_by FROM orders WHERE id = ?", id).Scan(&got[0], &got[1]))
		require.Equal(t, want, got, id)
	}
}
