package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

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
		device, payload, err := q.take(t.Context())
		require.NoError(t, err)
		order = append(order, string(payload))
		q.done(device)
	}
	require.Equal(t, []string{"a0", "b0", "a1", "b1", "a2", "a3", "a4"}, order)
	require.Empty(t, q.lanes, "nothing is kept of devices that are silent")
	require.Zero(t, q.bytes)
}

func TestADeviceIsServedByOneWorkerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.put("a", []byte("1"))
		q.put("a", []byte("2"))
		device, _, err := q.take(t.Context())
		require.NoError(t, err)
		second := make(chan string)
		go func() {
			_, payload, _ := q.take(t.Context())
			second <- string(payload)
		}()
		synctest.Wait()
		select {
		case <-second:
			require.Fail(t, "served twice at once")
		default:
		}
		q.done(device)
		require.Equal(t, "2", <-second)
	})
}

func TestQueueIsBoundedForEachDevice(t *testing.T) {
	q := newQueue()
	for range laneMessages {
		require.True(t, q.put("a", nil))
	}
	require.False(t, q.put("a", nil))
	require.True(t, q.put("b", make([]byte, laneBytes)))
	require.False(t, q.put("b", make([]byte, 1)))
	require.True(t, q.put("c", make([]byte, 1)), "others have room")
	require.False(t, q.put("d", make([]byte, laneBytes+1)))
	for range 3 {
		_, _, err := q.take(t.Context())
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := q.take(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
