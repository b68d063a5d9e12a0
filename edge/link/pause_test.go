package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// silentWire is a wire on which nothing ever comes, until it is cut.
type silentWire struct{ cut chan struct{} }

func (w silentWire) Send([]byte) error       { return nil }
func (w silentWire) Received() <-chan []byte { return nil }
func (w silentWire) Lost() <-chan struct{}   { return w.cut }
func (w silentWire) Close()                  {}

// TestAFleetThatWasCutTogetherDoesNotComeBackTogether: of 500 devices no 100 ms hold more than a quarter of the dials, and when
// the hub stays away, in the end no more than a thirtieth.
func TestAFleetThatWasCutTogetherDoesNotComeBackTogether(t *testing.T) {
	const devices = 500
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var dials []time.Duration // since the cut
		var was time.Time
		cut := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		log := openLog(t)
		for n := range devices {
			c := configOf(log, &agent{})
			c.Device = fmt.Sprint("d-", n)
			c.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("not used") }
			c.Connect = func(context.Context, protocol.Gone) (Wire, error) {
				mu.Lock()
				defer mu.Unlock()
				if was.IsZero() {
					return silentWire{cut}, nil
				}
				dials = append(dials, time.Since(was))
				return nil, errors.New("no hub")
			}
			all.Go(func() { _ = New(c).Run(ctx) })
		}
		synctest.Wait()
		mu.Lock()
		was = time.Now()
		mu.Unlock()
		close(cut)
		time.Sleep(10 * time.Minute)
		cancel()
		all.Wait()

		most := func(from, to time.Duration) (share int) {
			windows := map[int64]int{}
			for _, d := range dials {
				if d >= from && d < to {
					windows[d.Milliseconds()/100]++
				}
			}
			for _, n := range windows {
				share = max(share, n)
			}
			return share
		}
		t.Logf("most dials within 100 ms: %d of %d at first, %d when the pauses are long", most(0, time.Minute), devices,
			most(5*time.Minute, 10*time.Minute))
		require.Less(t, most(0, time.Minute), devices/4, "paho alone: 423 of 500")
		require.Less(t, most(5*time.Minute, 10*time.Minute), devices/30)
	})
}
