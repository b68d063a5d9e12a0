package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFateOfAnOrder(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	in := Need{ContainerID: "1", FridgeID: "f1", State: Placed, PlacedAt: at(1), Items: 2}
	out := Need{ContainerID: "2", FridgeID: "f2", State: Loaded, Items: 1}
	in2 := out
	in2.State, in2.PlacedAt = Placed, at(2)
	short := Need{ContainerID: "3", FridgeID: "f3", State: Planned, Items: 1, Short: 1}
	one, both := map[string]time.Time{"f1": at(10)}, map[string]time.Time{"f2": at(12), "f1": at(10)}
	never, closed := time.Time{}, at(60)
	for name, c := range map[string]struct {
		needs  []Need
		opened map[string]time.Time
		closed time.Time
		want   Fate
	}{
		"waits for its last container":                {[]Need{in, out}, nil, never, Fate{State: OrderAccepted}},
		"ready when all are in, since the last came":  {[]Need{in, in2}, nil, never, Fate{OrderReady, at(2), never}},
		"a short item is not waited for":              {[]Need{in, short}, nil, never, Fate{OrderReady, at(1), never}},
		"one of two fridges opened":                   {[]Need{in, in2}, one, never, Fate{OrderReady, at(2), never}},
		"picked up when every fridge was opened":      {[]Need{in, in2}, both, never, Fate{OrderPickedUp, at(2), at(12)}},
		"picked up stays so after closing":            {[]Need{in, in2}, both, closed, Fate{OrderPickedUp, at(2), at(12)}},
		"left over when it was ready":                 {[]Need{in, in2}, one, closed, Fate{OrderLeftOver, at(2), closed}},
		"undelivered when it never was":               {[]Need{in, out}, nil, closed, Fate{OrderUndelivered, never, closed}},
		"everything short is not ready":               {[]Need{short}, nil, never, Fate{State: OrderAccepted}},
		"everything short ends undelivered":           {[]Need{short}, nil, closed, Fate{OrderUndelivered, never, closed}},
		"an opening before the hub knew of the boxes": {[]Need{out}, both, never, Fate{OrderPickedUp, never, at(12)}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, FateOf(c.needs, c.opened, c.closed))
		})
	}
}

func TestAShortageFallsOnWhoOrderedLast(t *testing.T) {
	items := []ShortItem{{OrderID: "first", Ordered: 1}, {OrderID: "last", Ordered: 9, Unit: 1}, {OrderID: "last", Ordered: 9, Unit: 2}}
	got := ChooseShort(items, 2)
	require.Equal(t, []ShortItem{{OrderID: "last", Ordered: 9, Unit: 2}, {OrderID: "last", Ordered: 9, Unit: 1}}, got)
	require.Len(t, ChooseShort(items, 5), 3, "no more than there are")
}
