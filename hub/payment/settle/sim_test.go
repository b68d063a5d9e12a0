package settle_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/bulk"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/payment/fakepay"
	"meguri/hub/payment/intents"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/internal/pgtest"
)

var (
	seeds    = flag.Int("seeds", 9, "so many seeds are played")
	from     = flag.Uint64("from", 1, "the first of them")
	postgres = flag.Bool("postgres", false, "all on PostgreSQL; else one of them")
)

// cutoff of the fixture's date.
var cutoff = time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)

const (
	troubled = 12 * time.Minute // so long there are faults and kills
	calmWait = 75 * time.Second // after that everything is settled: late answers take 12 s, and each is known within a minute
	shoppers = 30
)

// network is the fixture's, with prices.
func network(t *testing.T) bulk.Network {
	n, err := bulk.ReadNetwork(apitest.Priced())
	require.NoError(t, err)
	return n
}

// world is one seed's.
type world struct {
	t     *testing.T
	r     *rand.Rand
	s     *store.Store
	clock clock.Clock
	fake  *fakepay.Server
	front *front
	ids   []string
	seen  map[string]bool // payments whose money was taken, and that were looked at
}

// Whatever the provider does and wherever the hub dies, in the end no order stands without a charge and nothing is charged without
// an order, and what is held and confirmed is what is used.
func TestOurLedgerIsTheProvidersWhateverHappens(t *testing.T) {
	cluster := pgtest.Start(t, "fsync=off")
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		url := storetest.SQLite(t)
		if *postgres || seed == *from+2 { // one of each dozen, at least
			url = cluster.Database(t)
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, seed, url) })
		})
	}
}

func play(t *testing.T, seed uint64, url string) {
	r := rand.New(rand.NewPCG(seed, 4))
	w := &world{t: t, r: r, s: storetest.Open(t, url), front: &front{}, seen: map[string]bool{}}
	storetest.Import(t, w.s, network(t))
	begin := cutoff.Add(-5 * time.Hour)
	if seed%3 == 0 { // holds are cut short by the cutoff
		begin = cutoff.Add(-8 * time.Minute)
	}
	w.clock = clock.New(time.Now(), begin, 1)
	var err error
	w.fake, err = fakepay.New(fakepay.Config{Key: "key", Secret: "whsec", WebhookURL: "http://hub/v1/payments/webhook", Transport: serve(t, w.front)})
	require.NoError(t, err)
	provider, err := intents.New(intents.Config{URL: "http://127.0.0.1", Key: "key", Transport: serve(t, w.fake)})
	require.NoError(t, err)
	w.fake.SetFaults([]int{0, 150, 400}[seed%3], seed)

	t.Cleanup(func() {
		if last := w.front.get(); last != nil {
			last.kill()
			last.ended.Wait()
		}
		require.NoError(t, w.fake.Close())
	})
	calm, lives, shopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(lives)
		w.front.live(t, rand.New(rand.NewPCG(seed, 5)), w.s, w.clock, provider, calm, int(seed%5)*3)
	}()
	for n := range shoppers {
		id, own := fmt.Sprintf("o-%d-%02d", seed, n), rand.New(rand.NewPCG(seed, uint64(100+n)))
		w.ids = append(w.ids, id)
		go func() { w.shop(id, own, n); shopped <- struct{}{} }()
	}
	for range troubled / time.Second {
		time.Sleep(time.Second)
		w.always()
	}
	for range shoppers {
		<-shopped
	}
	w.fake.SetFaults(0, 0)
	close(calm)
	<-lives
	time.Sleep(calmWait)
	w.atTheEnd()
}

// tokens of what shoppers pay with. Most are good.
var tokens = []string{"ok", "ok", "ok", "ok", "slow", "timeout", "late", "error", "cut", "busy", "declined", "funds", "action", "lost",
	"norefund", "twice", "latehook", "nohook", "timeout_nohook", "late_twice", "slow_latehook"}

// again asks until a hub lives that answers, or the error is one that is meant.
func (w *world) again(do func(h *hub) error) (err error) {
	for range 60 {
		if h := w.front.get(); h != nil && !h.dead.Load() {
			if err = do(h); err == nil || !strings.Contains(err.Error(), errCrash.Error()) {
				return err
			}
		}
		time.Sleep(700 * time.Millisecond)
	}
	return err
}

// shop is one customer: orders, pays or does not, and perhaps changes their mind.
func (w *world) shop(id string, r *rand.Rand, n int) {
	pause := func(most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }
	ctx := context.Background()
	pause(6 * time.Minute)
	q := order.Request{ID: id, DeliveryDate: apitest.Date, LocationID: fmt.Sprintf("loc-%03d", 1+n%3), CustomerID: "member-1",
		Hold: time.Duration(3+r.IntN([]int{12, 400}[n%2])) * time.Second}
	for range 1 + r.IntN(3) {
		q.Lines = append(q.Lines, order.Line{ProductID: fmt.Sprintf("prod-%03d", 1+r.IntN(7)), Quantity: int64(1 + r.IntN(2))})
	}
	var outcome order.Outcome
	err := w.again(func(h *hub) (err error) {
		outcome, err = h.orders.Place(ctx, q, h.clock.Now(), "p")
		return err
	})
	if err != nil || outcome.State == order.Refused || r.IntN(15) == 0 {
		return // or they never pay
	}
	pause(time.Second)
	method := fakepay.Prefix + tokens[r.IntN(len(tokens))]
	_ = w.again(func(h *hub) error { _, err := h.pay.Begin(ctx, id, "ref-"+id, method, h.clock.Now()); return err })
	switch r.IntN(6) {
	case 0:
		pause(2 * time.Minute)
		_ = w.again(func(h *hub) error {
			_, err := h.orders.Cancel(ctx, id, "p", "changed their mind", h.clock.Now())
			return err
		})
	case 1:
		pause(2 * time.Minute)
		_ = w.again(func(h *hub) error {
			_, err := h.orders.Withdraw(ctx, id, "p", []order.Unit{{Line: 1, Unit: 1}}, "the shop has none", h.clock.Now())
			return err
		})
	case 2:
		pause(2 * time.Minute)
		for range 2 { // twice with the same id
			_ = w.again(func(h *hub) error {
				_, _, err := h.pay.Refund(ctx, id, payment.Ask{ID: "by-hand", Lines: []payment.RefundLine{{Line: 1, Units: 1}}, By: "p"}, h.clock.Now())
				return err
			})
		}
	}
}

// always is what holds at any moment: nothing is taken for an order that is only held, and never more than its price.
func (w *world) always() {
	require.NoError(w.t, w.s.Read(context.Background(), func(tx *store.Tx) error {
		for _, e := range w.fake.Ledger() {
			if e.CapturedYen == 0 || w.seen[e.IntentID] {
				continue
			}
			w.seen[e.IntentID] = true
			o, err := tx.Order(context.Background(), e.OrderID)
			require.NoError(w.t, err)
			require.NotEqual(w.t, order.Held, o.State, "%s: money was taken before the order was confirmed", e.OrderID)
			require.LessOrEqual(w.t, e.CapturedYen, e.AmountYen)
		}
		return nil
	}))
}

// atTheEnd is what holds when all is said.
func (w *world) atTheEnd() {
	t, ctx := w.t, context.Background()
	intents := map[string]fakepay.Entry{}
	for _, e := range w.fake.Ledger() {
		intents[e.IntentID] = e
	}
	used, seen := map[string]int64{}, map[string]int{}
	require.NoError(t, w.s.Read(ctx, func(tx *store.Tx) error {
		pending, _, err := tx.PendingPayments(ctx, 100)
		require.NoError(t, err)
		for _, p := range pending {
			require.Equal(t, "uncollected", p.State, "%+v is pending and should not be", p)
		}
		for _, id := range w.ids {
			o, err := tx.Order(ctx, id)
			if err != nil {
				require.ErrorIs(t, err, order.ErrNotFound)
				continue
			}
			require.NotEqual(t, order.Held, o.State, id)
			require.True(t, o.State.Holds() || len(o.Items) == 0, "%s is %s and holds", id, o.State)
			seen["order "+string(o.State)]++
			for _, i := range o.Items {
				used[i.ProductID]++
			}
			w.compare(tx, o, intents, seen)
		}
		return nil
	}))
	t.Log(seen)
	for id, e := range intents { // those that no payment of ours ended with
		require.Zero(t, e.CapturedYen, "%s of order %s", id, e.OrderID)
		require.NotEqual(t, "requires_capture", e.Status, "%s of order %s", id, e.OrderID)
	}
	for name, s := range map[string]*order.Service{"in memory": w.front.get().orders, "as loaded": order.NewService(w.s.Orders())} {
		left, err := s.Remaining(ctx, apitest.Date)
		require.NoError(t, err)
		for _, p := range left.Products {
			require.Equal(t, used[p.Product], p.Sold, "%s, %s", p.Product, name)
		}
	}
}

// compare holds an order and our payment against the provider's intent, which it takes out of the list.
func (w *world) compare(tx *store.Tx, o order.Order, intents map[string]fakepay.Entry, seen map[string]int) {
	t, ctx := w.t, context.Background()
	b, err := tx.Bill(ctx, o.ID)
	if err != nil {
		require.ErrorIs(t, err, payment.ErrNotFound)
		require.False(t, o.State.Holds(), "%s stands and is not paid", o.ID)
		return
	}
	p := b.Payment
	seen[p.Shown()]++
	e := intents[p.IntentID]
	delete(intents, p.IntentID)
	about := fmt.Sprintf("order %s is %s (%s); ours %+v, refunds %+v; theirs %+v", o.ID, o.State, o.EndReason, p, b.Refunds, e)
	want := map[payment.State]string{payment.Captured: "succeeded", payment.Voided: "canceled", payment.Declined: "canceled",
		payment.Uncollected: "canceled"}[p.State]
	if p.IntentID == "" {
		want = ""
	}
	require.Equal(t, want, e.Status, about)
	require.Equal(t, e.CapturedYen, p.CapturedYen, about)
	require.Equal(t, e.RefundedYen, p.RefundedYen, about)
	var failed, back int64
	for _, r := range b.Refunds {
		seen["refund "+string(r.State)]++
		switch r.State {
		case payment.Failed:
			failed += r.AmountYen
		case payment.Refunded:
			back += r.AmountYen
		default:
			require.Equal(t, payment.Dropped, r.State, about)
		}
	}
	require.Equal(t, p.RefundedYen, back, about)
	switch {
	case o.State.Holds():
		require.Contains(t, []payment.State{payment.Captured, payment.Uncollected}, p.State, about)
		if p.State == payment.Captured {
			require.GreaterOrEqual(t, p.CapturedYen-back, int64(0), about)
			require.GreaterOrEqual(t, o.TotalYen(), p.CapturedYen-back-failed, "no more is kept than the order costs: "+about)
		}
	default:
		require.Zero(t, p.CapturedYen-back-failed, "the order has ended and all went back: "+about)
	}
}
