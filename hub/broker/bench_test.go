package broker_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
	"meguri/protocol"
)

// TestWhoHoldsPlacesHoldsNoneFromTheOthers: more connections than may be without a login, all of them silent.
func TestWhoHoldsPlacesHoldsNoneFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t)
		var last int
		for i := range 5000 {
			_, theirs := pipe(t)
			if s.broker.AttachAs(theirs, broker.Peer{Device: other}) {
				last = i
			}
		}
		require.Equal(t, 4095, last, "within a moment there is room for so many")
		time.Sleep(time.Second)
		for range 3 {
			p := s.attach(t, own)
			require.Equal(t, 0, p.connect(s.connectPacket(own)), "the oldest has to go")
		}
		require.NoError(t, s.broker.Close())
	})
}

func TestWhoStopsInTheMiddleOfTheHandshakeHoldsUpNobody(t *testing.T) {
	s := embedded(t)
	hello := clientHello(t)
	for range 100 {
		ours, theirs := pipe(t) // without a buffer: the broker's answer waits for a reader
		require.True(t, s.broker.Attach(theirs))
		_, err := ours.Write(hello)
		require.NoError(t, err)
	}
	start := time.Now()
	s.login(t, own)
	require.Less(t, time.Since(start), 4*time.Second, "before the others have to go")
}

// fleetOf logs devices in over TLS; each has subscribed its down topic.
func fleetOf(b *testing.B, s *server, n int) []*peer {
	peers := make([]*peer, n)
	for i := range peers {
		id := fmt.Sprintf("bench-%d", i)
		from, to := s.authority.Validity(time.Hour)
		var err error
		s.issued[id], err = s.authority.Device(id, from, to)
		require.NoError(b, err)
		peers[i] = s.login(b, id)
		require.Less(b, peers[i].subscribe(protocol.DownTopic(id)), byte(3))
	}
	return peers
}

// slow keeps n connections that do not log in, a third each of those that say nothing, say half a ClientHello, and say a whole
// one and no more. Each that the broker ends, after five seconds, comes again. It returns once all are there.
func slow(b *testing.B, s *server, n int) (stop func()) {
	whole := clientHello(b)
	says := [][]byte{nil, whole[:len(whole)/2], whole}
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		time.Sleep(5 * time.Second / time.Duration(n)) // so that they come again one after another, too
		all.Go(func() {
			for {
				conn, err := net.Dial("tcp", s.address)
				if err != nil {
					return
				}
				_, _ = conn.Write(says[i%3])
				ended := make(chan struct{})
				go func() {
					_, _ = io.Copy(io.Discard, conn)
					close(ended)
				}()
				select {
				case <-done:
					_ = conn.Close()
					<-ended
					return
				case <-ended:
					_ = conn.Close()
				}
			}
		})
	}
	return func() { close(done); all.Wait() }
}

// clientHello is the first message of a TLS client.
func clientHello(b testing.TB) []byte {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	go func() {
		_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake()
		_ = theirs.Close()
	}()
	hello := make([]byte, 8<<10)
	n, err := ours.Read(hello)
	require.NoError(b, err)
	return hello[:n]
}

// echo is the hub: it answers each message of a device.
func echo(b *testing.B, s *server) {
	hub := s.loginHub(b)
	go func() {
		for {
			if err := hub.conn.SetReadDeadline(time.Time{}); err != nil {
				return
			}
			device, text, err := hub.next()
			if err != nil {
				return
			}
			m := publish(protocol.DownTopic(device), text)
			m.Qos = 0
			hub.send(m)
		}
	}()
}

// BenchmarkSlowPeers measures the round trips of 20 devices to the hub and back while 1,000 others are slow or silent, in turns
// with quiet times, and gives the ratio of the two p99.
func BenchmarkSlowPeers(b *testing.B) {
	s := newServer(b, "embedded").start(b, nil)
	echo(b, s)
	peers := fleetOf(b, s, 20)
	var trips [2][]time.Duration
	for range b.N {
		for range 3 {
			trips[0] = append(trips[0], roundTrips(peers, 250)...)
			stop := slow(b, s, 1000)
			trips[1] = append(trips[1], roundTrips(peers, 250)...)
			stop()
		}
	}
	quiet, busy := p99(trips[0]), p99(trips[1])
	b.ReportMetric(float64(quiet.Microseconds()), "p99-quiet-µs")
	b.ReportMetric(float64(busy.Microseconds()), "p99-slow-peers-µs")
	b.ReportMetric(float64(busy)/float64(quiet), "ratio")
}

// roundTrips has each device say something and wait for the answer, so many times, with pauses.
func roundTrips(peers []*peer, n int) (all []time.Duration) {
	var mu sync.Mutex
	var talking sync.WaitGroup
	for i, p := range peers {
		talking.Go(func() {
			var own []time.Duration
			_ = p.conn.SetReadDeadline(time.Time{}) // of the login
			for range n {
				time.Sleep(10 * time.Millisecond)
				start := time.Now()
				m := publish(protocol.UpTopic(fmt.Sprintf("bench-%d", i)), "x")
				m.Qos = 0
				p.send(m)
				if _, _, err := p.next(); err != nil {
					own = append(own, math.MaxInt64)
					break
				}
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	talking.Wait()
	return all
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}
