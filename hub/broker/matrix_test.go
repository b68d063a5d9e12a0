package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
	"meguri/protocol"
)

func pipe(t testing.TB) (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	return ours, theirs
}

// deedLog adds up what the log says that devices have done.
type deedLog struct {
	mu    sync.Mutex
	times map[[2]string]int // by device and deed
	lines map[string]int    // by device
}

func newDeedLog() *deedLog { return &deedLog{times: map[[2]string]int{}, lines: map[string]int{}} }

func (l *deedLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *deedLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *deedLog) WithGroup(string) slog.Handler            { return l }
func (l *deedLog) Handle(_ context.Context, r slog.Record) error {
	var device, what string
	times := 0
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "device":
			device = a.Value.String()
		case "what":
			what = a.Value.String()
		case "times":
			times = int(a.Value.Int64())
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if times > 0 {
		l.times[[2]string{device, what}] += times
		l.lines[device]++
	}
	return nil
}

// of gives how many lines a device has caused, and how many deeds of a kind they tell.
func (l *deedLog) of(device, what string) (lines, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[device], l.times[[2]string{device, what}]
}

// ways are all that one device can try against another, with the word by which each is logged and how often.
var ways = []struct {
	name, what string
	times      int
	try        func(t testing.TB, s *server, thief, victim string)
}{
	{"publish as the victim", "publish", 2, func(t testing.TB, s *server, thief, victim string) {
		for qos := range byte(2) {
			m := publish(protocol.UpTopic(victim), "bad")
			m.Qos = qos
			p := s.loginInside(t, thief)
			p.send(m)
			require.True(t, p.closed())
		}
	}},
	{"publish to the victim", "publish", 1, func(t testing.TB, s *server, thief, victim string) {
		p := s.loginInside(t, thief)
		p.send(publish(protocol.DownTopic(victim), "bad"))
		require.True(t, p.closed())
	}},
	{"retain for the victim", "retain", 2, func(t testing.TB, s *server, thief, victim string) {
		for _, topic := range []string{protocol.UpTopic(victim), protocol.DownTopic(victim)} {
			m := publish(topic, "bad")
			m.Retain = true
			p := s.loginInside(t, thief)
			p.send(m)
			require.True(t, p.closed())
		}
	}},
	{"listen", "subscribe", 8, func(t testing.TB, s *server, thief, victim string) {
		p := s.loginInside(t, thief)
		for _, filter := range []string{protocol.DownTopic(victim), protocol.UpTopic(victim), "+/v1/" + victim + "/+", "#", protocol.UpFilter,
			"$share/g/" + protocol.DownTopic(victim), "$share/" + victim + "/#", "$SYS/broker/clients/" + victim} {
			require.Equal(t, byte(0x80), p.subscribe(filter), filter)
		}
		_ = p.conn.Close()
	}},
	{"leave a will", "will", 2, func(t testing.TB, s *server, thief, victim string) {
		for _, topic := range []string{protocol.UpTopic(victim), protocol.DownTopic(victim)} {
			c := s.connectPacket(thief)
			c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, topic, []byte("bad")
			require.Equal(t, 5, s.attach(t, thief).connect(c))
		}
	}},
	{"take over the client id", "client id", 2, func(t testing.TB, s *server, thief, victim string) {
		c := s.connectPacket(thief)
		c.ClientIdentifier = victim
		require.Equal(t, 2, s.attach(t, thief).connect(c))
		c.ClientIdentifier, c.Username = thief, victim
		require.Equal(t, 4, s.attach(t, thief).connect(c))
	}},
}

func (s *server) loginInside(t testing.TB, user string) *peer {
	p := s.attach(t, user)
	require.Equal(t, 0, p.connect(s.connectPacket(user)))
	return p
}

// TestFiftyDevicesGetNowhereWithFiftyVictims tries every way of each device against each other one. Who a device is comes from
// its certificate, over TLS, in other tests; here it is given, for 30,000 handshakes say nothing more.
func TestFiftyDevicesGetNowhereWithFiftyVictims(t *testing.T) {
	const n = 50
	log := newDeedLog()
	b := broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: slog.New(log)})
	s := &server{name: "embedded", broker: b}
	id := func(i int) string { return fmt.Sprintf("dev-%d", i) }
	hub := s.loginHub(t)
	victims := make([]*peer, n)
	for i := range victims {
		victims[i] = s.attachTCP(t, "victim-"+id(i))
		require.Equal(t, 0, victims[i].connect(s.connectPacket("victim-"+id(i))))
		require.Less(t, victims[i].subscribe(protocol.DownTopic("victim-"+id(i))), byte(3))
	}
	var thieves sync.WaitGroup
	for i := range n {
		thieves.Go(func() {
			for v := range n {
				for _, way := range ways {
					way.try(t, s, id(i), "victim-"+id(v))
				}
			}
		})
	}
	thieves.Wait()
	for i, v := range victims { // each has heard nothing, and is there still
		hub.send(publish(protocol.DownTopic("victim-"+id(i)), "end"))
		require.Empty(t, v.received("end"))
		v.send(publish(protocol.UpTopic("victim-"+id(i)), "here"))
		require.Empty(t, hub.received("here"))
	}
	require.NoError(t, b.Close())
	want := map[string]int{}
	for _, way := range ways {
		want[way.what] += way.times * n
	}
	for i := range n {
		for what, times := range want {
			lines, told := log.of(id(i), what)
			require.Equal(t, times, told, "%s of %s is logged", what, id(i))
			require.Less(t, lines, 100, "and not line by line")
		}
	}
}

func TestWhatADeviceMayCauseInTheLogIsBoundedAndNothingIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newDeedLog()
		s := &server{broker: broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: slog.New(log)})}
		p := s.loginInside(t, own)
		for range 100 {
			require.Equal(t, byte(0x80), p.subscribe("#"))
		}
		lines, times := log.of(own, "subscribe")
		require.Equal(t, []int{8, 8}, []int{lines, times})
		time.Sleep(11 * time.Second)
		synctest.Wait()
		lines, times = log.of(own, "subscribe")
		require.Equal(t, []int{9, 100}, []int{lines, times})
		require.Equal(t, byte(0x80), p.subscribe("#"))
		lines, times = log.of(own, "subscribe")
		require.Equal(t, []int{10, 101}, []int{lines, times}, "and then it is told one by one again")
		require.NoError(t, s.broker.Close())
	})
}

func TestACertificateUsedFromTwoPlacesRaisesAnAlarm(t *testing.T) {
	for name, c := range map[string]struct {
		hosts  []string
		pause  time.Duration // between logins
		talk   bool          // the session is heard until it is ended
		alarms int
	}{
		"two places in turn":                   {[]string{"10.0.0.1:1", "10.0.0.2:1"}, time.Second, true, 1},
		"one place":                            {[]string{"10.0.0.1:1", "10.0.0.1:2"}, 7 * time.Second, true, 0},
		"one place again and again":            {[]string{"10.0.0.1:1", "10.0.0.1:2"}, time.Second, true, 1},
		"a device between two networks":        {[]string{"10.0.0.1:1", "10.0.0.2:1"}, 5 * time.Second, false, 0},
		"seldom enough for a change of places": {[]string{"10.0.0.1:1", "10.0.0.2:1"}, 40 * time.Second, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var alarms []broker.TwoPlaces
				b := broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: slog.New(slog.DiscardHandler),
					TwoPlaces: func(a broker.TwoPlaces) { alarms = append(alarms, a) }})
				s := &server{broker: b}
				for i := range 20 {
					ours, theirs := pipe(t)
					require.True(t, b.AttachAs(from{theirs, c.hosts[i%2]}, broker.Peer{Device: own}))
					p := &peer{t, ours}
					require.Equal(t, 0, p.connect(s.connectPacket(own)))
					time.Sleep(c.pause)
					if c.talk {
						p.send(packets.NewControlPacket(packets.Pingreq))
						_, err := p.read()
						require.NoError(t, err)
					}
				}
				require.NoError(t, b.Close())
				require.Len(t, alarms, c.alarms, "one for all of them")
				require.EqualValues(t, c.alarms, b.Stats().TwoPlaces.Load())
				if c.alarms > 0 {
					require.Equal(t, own, alarms[0].Device)
					require.Contains(t, alarms[0].Addresses, "10.0.0.1")
				}
			})
		})
	}
}

// from is a connection from an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr { return address(f.address) }

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }
