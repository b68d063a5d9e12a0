package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/store"
)

// client does what comes into its head, again and again, on orders that others change too.
type client struct {
	service *order.Service
	random  *rand.Rand
	name    string
}

var products = []string{"a-cold", "a-dry", "a-rare", "b-cold"}

func (c *client) lines() (lines []order.Line) {
	for range 1 + c.random.IntN(3) {
		lines = append(lines, order.Line{ProductID: products[c.random.IntN(len(products))], Quantity: 1 + c.random.Int64N(2)})
	}
	return lines
}

// expected are the errors that such a mixture has to bring.
func expected(err error) bool {
	var refused *capacity.Refused
	for _, e := range []error{order.ErrExpired, order.ErrEnded, order.ErrNotFound, order.ErrConflict} {
		if errors.Is(err, e) {
			return true
		}
	}
	return err == nil || errors.As(err, &refused)
}

func (c *client) act(t *testing.T, n int) {
	ctx := t.Context()
	now := before.Add(time.Duration(n) * time.Second)
	id := fmt.Sprintf("o-%d", c.random.IntN(40))
	var err error
	switch c.random.IntN(8) {
	case 0, 1, 2:
		r := order.Request{ID: id, DeliveryDate: date, LocationID: []string{"loc-1", "loc-1", "loc-2"}[c.random.IntN(3)], CustomerID: "member-1",
			Lines: c.lines(), Hold: time.Duration(c.random.IntN(20)) * time.Second}
		_, err = c.service.Place(ctx, r, now, c.name)
	case 3:
		_, err = c.service.Confirm(ctx, id, c.name, now)
	case 4:
		_, err = c.service.Cancel(ctx, id, c.name, "a whim", now)
	case 5:
		_, err = c.service.Revise(ctx, id, c.name, c.lines(), now)
	case 6:
		_, err = c.service.Withdraw(ctx, id, c.name, []order.Unit{{Line: 1, Unit: 1}, {Line: 2, Unit: 1}}, "none left", now)
	case 7:
		_, err = c.service.ExpireDue(ctx, now)
	}
	if !expected(err) {
		t.Errorf("%s: %v", c.name, err)
	}
}

// After any mixture, by several at once and by two processes, the rows agree with each other and with what is in memory.
func TestHoldsAndAcceptedOrdersAreExactlyWhatIsUsed(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				url := empty()
				s := Open(t, url)
				Import(t, s, roomy(t))
				services := []*order.Service{order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())}
				var all sync.WaitGroup
				for i := range 6 {
					c := &client{services[i%2], rand.New(rand.NewPCG(seed, uint64(i))), fmt.Sprint("client-", i)}
					all.Go(func() {
						for n := range 40 {
							c.act(t, n)
						}
					})
				}
				all.Wait()
				agrees(t, s, url, services)
			})
		}
	})
}

func agrees(t *testing.T, s *store.Store, url string, services []*order.Service) {
	t.Helper()
	d := stateOfDate(t, s)
	book, err := capacity.NewBook(d.Network, d.State)
	require.NoError(t, err, "what is stored fits the network")
	for _, service := range services {
		left, err := service.Remaining(t.Context(), date)
		require.NoError(t, err)
		require.Equal(t, book.Remaining(), left, "memory and rows agree")
	}
	units, ml := map[string]int64{}, map[string]int64{}
	volume := map[string]int64{}
	for _, p := range d.Network.Products {
		volume[p.ID] = p.VolumeML
	}
	for _, i := range d.State.Items {
		units[i.Order]++
		ml[i.ContainerID] += volume[i.Product]
	}
	require.Len(t, d.State.Containers, len(ml), "no container is empty")
	for _, c := range d.State.Containers {
		require.Equal(t, ml[c.ID], c.UsedML, c.ID)
	}
	states := map[order.State]int{}
	for _, o := range d.Orders {
		states[o.State]++
		stored, err := services[0].Get(t.Context(), o.ID)
		require.NoError(t, err)
		var want int64
		for i, line := range stored.Lines {
			want += line.Quantity - stored.LineStates[i].Withdrawn
		}
		if !o.State.Holds() {
			want = 0
		}
		require.Equal(t, want, units[o.ID], "order %s is %s", o.ID, o.State)
	}
	t.Log(states)
	timelines(t, url)
}

// timelines: no version ends before it begins, and no two versions of a row were believed of the same moment at the same time.
func timelines(t *testing.T, url string) {
	t.Helper()
	db := raw(t, url)
	for view, key := range map[string]string{"container_timeline": "a.id = b.id", "item_timeline": "a.order_id = b.order_id AND a.line = b.line AND a.unit = b.unit"} {
		var wrong int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM `+view+` WHERE known_until < known_from OR valid_until < valid_from)
			+ (SELECT COUNT(*) FROM `+view+` a JOIN `+view+` b ON `+key+` AND a.known_from <= b.known_from AND b.known_from < a.known_until
				AND a.valid_from < b.valid_until AND b.valid_from < a.valid_until AND (a.valid_from <> b.valid_from OR a.known_from <> b.known_from))`).Scan(&wrong))
		require.Zero(t, wrong, view)
	}
}

// The same when the date is imported again and again meanwhile, by a third process.
func TestAnImportMeanwhileLosesNothing(t *testing.T) {
	url := SQLite(t)
	s := Open(t, url)
	Import(t, s, roomy(t))
	services := []*order.Service{order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())}
	third := Open(t, url)
	var all sync.WaitGroup
	for i := range 4 {
		c := &client{services[i%2], rand.New(rand.NewPCG(9, uint64(i))), fmt.Sprint("client-", i)}
		all.Go(func() {
			for n := range 30 {
				c.act(t, n)
			}
		})
	}
	all.Go(func() {
		for range 10 {
			err := third.Change(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ImportNetwork(t.Context(), roomy(t))
				return err
			})
			if err != nil && !errors.As(err, new(bulk.Problem)) {
				t.Error(err)
			}
		}
	})
	all.Wait()
	agrees(t, s, url, services)
}

// Clocks of those who ask need not agree: a unit that was taken back may be ordered again by somebody whose clock is behind.
func TestAUnitThatComesBackBeforeItWentHasOneVersionAtEachMoment(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		s := Open(t, url)
		Import(t, s, Network(t))
		service := order.NewService(s.Orders())
		lines := func(n int64) []order.Line { return []order.Line{{ProductID: "a-cold", Quantity: n}} }
		at := func(seconds int) time.Time { return before.Add(time.Duration(seconds) * time.Second) }
		_, err := service.Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: date, LocationID: "loc-1", CustomerID: "member-1", Lines: lines(2)}, at(0), "a")
		require.NoError(t, err)
		for i, r := range []struct {
			units   int64
			seconds int
		}{{1, 20}, {2, 10}, {1, 30}, {2, 25}, {1, 5}} {
			_, err := service.Revise(t.Context(), "o-1", "a", lines(r.units), at(r.seconds))
			require.NoError(t, err, i)
			timelines(t, url)
		}
	})
}
