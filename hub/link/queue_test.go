package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// next takes what one turn gives and ends it.
func (q *queue) nextGroup(t *testing.T, room int) (order []string) {
	t.Helper()
	items, err := q.take(t.Context(), room)
	require.NoError(t, err)
	for _, it := range items {
		order = append(order, string(it.payload))
	}
	q.done(items)
	return order
}

func TestDevicesTakeTurnsAndEachKeepsItsOrder(t *testing.T) {
	q := newQueue()
	for n := range 5 {
		require.True(t, q.put("a", fmt.Append(nil, "a", n)))
	}
	for n := range 2 {
		require.True(t, q.put("b", fmt.Append(nil, "b", n)))
	}
	var order []string
	for range 7 {
		order = append(order, q.nextGroup(t, 0)...)
	}
	require.Equal(t, []string{"a0", "b0", "a1", "b1", "a2", "a3", "a4"}, order)
	require.Empty(t, q.lanes, "nothing is kept of devices that are silent")
	require.Zero(t, q.bytes)
}

func TestAGroupTakesOneOfEachBeforeTheSecondOfAny(t *testing.T) {
	q := newQueue()
	for _, device := range []string{"a", "b", "c"} {
		for n := range 3 {
			require.True(t, q.put(device, fmt.Append(nil, device, n)))
		}
	}
	require.Equal(t, []string{"a0", "b0", "c0", "a1", "b1", "c1", "a2"}, q.nextGroup(t, 13), "7 of 2 bytes")
	require.Equal(t, []string{"b2", "c2"}, q.nextGroup(t, 100))
}

func TestWhoComesAnewIsServedBeforeTheSecondTurnOfOthers(t *testing.T) {
	q := newQueue()
	q.put("a", []byte("a0"))
	q.put("b", []byte("b0"))
	require.Equal(t, []string{"a0"}, q.nextGroup(t, 0))
	q.put("a", []byte("a1")) // its lane was empty meanwhile
	q.put("c", []byte("c0"))
	require.Equal(t, []string{"b0", "c0", "a1"}, q.nextGroup(t, 100))
}

func TestLiveOnesGoFirstAndDrainsAlwaysGetALittle(t *testing.T) {
	q := newQueue()
	large := make([]byte, liveBytes+1)
	readings := encoded(t, protocol.Batch{Log: protocol.Readings, First: 1, Records: [][]byte{{1}}})
	q.put("drain", large)
	q.put("sensor", readings)
	for n := range 3 * groupMessages {
		q.put(fmt.Sprint("live", n), []byte("live"))
	}
	for range 2 {
		got := q.nextGroup(t, 1<<20)
		require.Len(t, got, groupMessages+1)
		require.NotEqual(t, "live", got[groupMessages])
		require.Equal(t, "live", got[groupMessages-1])
	}
}

func TestEventsOfADeviceDoNotWaitForItsReadings(t *testing.T) {
	q := newQueue()
	for n := range uint64(8) {
		q.put("a", encoded(t, protocol.Batch{Log: protocol.Readings, First: n + 1, Records: [][]byte{{1}}}))
	}
	event := encoded(t, protocol.Batch{Log: protocol.Events, First: 1, Records: [][]byte{{1}}})
	q.put("a", event)
	require.Equal(t, string(event), q.nextGroup(t, 0)[0])
}

func TestANewerHelloTakesThePlaceOfOneThatWaits(t *testing.T) {
	q := newQueue()
	hello := func(nonce uint64) []byte { return encoded(t, protocol.Hello{Boot: 1, Nonce: nonce}) }
	q.put("a", hello(1))
	q.put("a", []byte("batch"))
	q.put("a", hello(1<<40))
	require.Equal(t, []string{string(hello(1 << 40)), "batch"}, q.nextGroup(t, 1000))
	require.Zero(t, q.bytes)
}

func TestThePlaceOfTheLogInAPayloadIsKnown(t *testing.T) {
	for _, packed := range []bool{false, true} {
		b := protocol.Batch{Incarnation: protocol.NewIncarnation(), Log: protocol.Readings, First: 7, Records: [][]byte{make([]byte, 500)}}
		if packed {
			var err error
			b, err = b.Pack()
			require.NoError(t, err)
			require.NotEmpty(t, b.Packed)
		}
		require.Equal(t, readingsBatch, sort(encoded(t, b)))
		b.Log = protocol.Events
		require.Equal(t, other, sort(encoded(t, b)))
	}
	require.Equal(t, hello, sort(encoded(t, protocol.Hello{Boot: 1})))
	require.Equal(t, other, sort(encoded(t, protocol.Gone{Boot: 1})))
	for n := range 40 { // anything at all
		sort(make([]byte, n))
	}
}

func encoded(t testing.TB, m protocol.Message) []byte {
	payload, err := protocol.Encode(m)
	require.NoError(t, err)
	return payload
}

func TestALaneIsServedByOneWorkerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.put("a", []byte("1"))
		q.put("a", []byte("2"))
		items, err := q.take(t.Context(), 0)
		require.NoError(t, err)
		require.Len(t, items, 1)
		second := make(chan string)
		go func() {
			items, _ := q.take(t.Context(), 0)
			second <- string(items[0].payload)
		}()
		synctest.Wait()
		select {
		case <-second:
			require.Fail(t, "served twice at once")
		default:
		}
		q.done(items)
		require.Equal(t, "2", <-second)
	})
}

func TestQueueIsBoundedForEachDeviceAndInAll(t *testing.T) {
	q := newQueue()
	for range laneMessages {
		require.True(t, q.put("a", nil))
	}
	require.False(t, q.put("a", nil))
	require.True(t, q.put("b", make([]byte, laneBytes-itemBytes)))
	require.False(t, q.put("b", nil))
	require.True(t, q.put("c", make([]byte, 1)), "others have room")
	require.False(t, q.put("d", make([]byte, laneBytes)))
	require.Len(t, q.lanes, 3, "what is refused leaves nothing")
	for n := range 1000 {
		q.put(fmt.Sprint(n), make([]byte, 1<<20))
	}
	require.LessOrEqual(t, q.bytes, queueBytes)
	require.Less(t, len(q.lanes), 100)
	for len(q.lanes) > 0 {
		q.nextGroup(t, 1<<20)
	}
	require.Zero(t, q.bytes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := q.take(ctx, 0)
	require.ErrorIs(t, err, context.Canceled)
}
