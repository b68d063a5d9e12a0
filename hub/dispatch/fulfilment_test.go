package dispatch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStateOfAnOrder(t *testing.T) {
	in := Need{ContainerID: "1", FridgeID: "f1", State: Placed, Items: 2}
	out := Need{ContainerID: "2", FridgeID: "f2", State: Loaded, Items: 1}
	in2 := out
	in2.State = Placed
	short := Need{ContainerID: "3", FridgeID: "f3", State: Planned, Items: 1, Short: 1}
	for name, c := range map[string]struct {
		needs  []Need
		opened []string
		closed bool
		want   OrderState
	}{
		"waits for its last container":                {[]Need{in, out}, nil, false, OrderAccepted},
		"ready when all are in":                       {[]Need{in, in2}, nil, false, OrderReady},
		"a short item is not waited for":              {[]Need{in, short}, nil, false, OrderReady},
		"one of two fridges opened":                   {[]Need{in, in2}, []string{"f1"}, false, OrderReady},
		"picked up when every fridge was opened":      {[]Need{in, in2}, []string{"f2", "f1"}, false, OrderPickedUp},
		"picked up stays so after closing":            {[]Need{in, in2}, []string{"f2", "f1"}, true, OrderPickedUp},
		"left over when it was ready":                 {[]Need{in, in2}, []string{"f1"}, true, OrderLeftOver},
		"undelivered when it never was":               {[]Need{in, out}, nil, true, OrderUndelivered},
		"everything short is undelivered, not ready":  {[]Need{short}, nil, false, OrderAccepted},
		"everything short ends undelivered":           {[]Need{short}, nil, true, OrderUndelivered},
		"an opening before the hub knew of the boxes": {[]Need{out}, []string{"f2"}, false, OrderPickedUp},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, StateOf(c.needs, c.opened, c.closed))
		})
	}
}

func TestAShortageFallsOnWhoOrderedLast(t *testing.T) {
	items := []ShortItem{{OrderID: "first", Ordered: 1}, {OrderID: "last", Ordered: 9, Unit: 1}, {OrderID: "last", Ordered: 9, Unit: 2}}
	got := ChooseShort(items, 2)
	require.Equal(t, []ShortItem{{OrderID: "last", Ordered: 9, Unit: 2}, {OrderID: "last", Ordered: 9, Unit: 1}}, got)
	require.Len(t, ChooseShort(items, 5), 3, "no more than there are")
}
