package broker_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
	"meguri/protocol"
)

func TestOnlyMQTT311IsServed(t *testing.T) {
	s := embedded(t)
	mqtt5 := []byte{0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 3, 'a', 'b', 'c'}
	old := s.connectPacket(own)
	old.ProtocolName, old.ProtocolVersion = "MQIsdp", 3
	var mqtt31 bytes.Buffer
	require.NoError(t, old.Write(&mqtt31))
	for name, raw := range map[string][]byte{"5": mqtt5, "3.1": mqtt31.Bytes()} {
		p := s.dial(t)
		_, err := p.conn.Write(raw)
		require.NoError(t, err)
		ack, err := p.read()
		require.NoError(t, err, name)
		require.Equal(t, byte(1), ack.(*packets.ConnackPacket).ReturnCode, "MQTT %s: unacceptable version", name)
		require.True(t, p.closed())
	}
	require.EqualValues(t, 2, s.broker.Stats().Refused.Load())
}

func TestSessionThatIsNotCleanIsRefused(t *testing.T) {
	s := embedded(t)
	c := s.connectPacket(own)
	c.CleanSession = false
	require.Equal(t, 2, s.dial(t).connect(c))
}

func TestSilentAndSlowPeersAreClosedBeforeLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
		defer func() { require.NoError(t, b.Close()) }()
		start := time.Now()
		var dripping sync.WaitGroup
		defer dripping.Wait()
		for _, drip := range []bool{false, true} {
			ours, theirs := net.Pipe()
			require.True(t, b.Attach(theirs))
			if drip { // a byte a second of a CONNECT that would be within the size
				dripping.Go(func() {
					for _, c := range append([]byte{0x10, 100}, make([]byte, 100)...) {
						if _, err := ours.Write([]byte{c}); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				})
			}
			_, err := ours.Read(make([]byte, 1))
			require.Error(t, err)
			_ = ours.Close()
		}
		require.LessOrEqual(t, time.Since(start), 11*time.Second, "5 s each")
	})
}

func TestSilentDeviceIsClosedAlsoWithoutKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t)
		c := s.connectPacket(own)
		c.Keepalive = 0
		p := s.attach(t)
		require.Equal(t, 0, p.connect(c))
		start := time.Now()
		require.NoError(t, p.conn.SetReadDeadline(time.Time{}))
		_, err := packets.ReadPacket(p.conn)
		require.Error(t, err)
		require.Equal(t, 15*time.Minute, time.Since(start).Round(time.Second), "one and a half times 600 s")
	})
}

func TestKickEndsALiveSession(t *testing.T) {
	s := embedded(t)
	require.False(t, s.broker.Kick(own))
	dev := s.login(t, own)
	require.True(t, s.broker.Kick(own))
	require.True(t, dev.closed())
	s.login(t, own)
}

func TestSlowSubscriberHoldsUpNobody(t *testing.T) {
	s := embedded(t)
	hub, slow, quick := s.loginHub(t), s.login(t, own), s.login(t, other)
	require.Less(t, slow.subscribe(protocol.DownTopic(own)), byte(3))
	require.Less(t, quick.subscribe(protocol.DownTopic(other)), byte(3))
	// slow never reads: more than its socket and its queue hold goes to it, at QoS 0 as the hub publishes.
	large := string(make([]byte, 64<<10))
	for range 2000 {
		m := publish(protocol.DownTopic(own), large)
		m.Qos = 0
		hub.send(m)
	}
	hub.send(publish(protocol.DownTopic(other), "end"))
	start := time.Now()
	require.Empty(t, quick.received("end"))
	require.Less(t, time.Since(start), wait)
}

func TestFloodingDeviceIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t)
		dev := s.attach(t)
		require.Equal(t, 0, dev.connect(s.connectPacket(own)))
		start := time.Now()
		for range 5000 {
			m := publish(protocol.UpTopic(own), "x")
			m.Qos = 0
			dev.send(m)
		}
		require.InDelta(t, 4, time.Since(start).Seconds(), 0.1, "a second's 1,000 at once, then 1,000 a second")
	})
}

func TestPanicEndsOneConnectionOnly(t *testing.T) {
	b := broker.New(broker.Config{
		Auth: func(device, _ string) bool {
			if device == own {
				panic("a fault in what the broker calls")
			}
			return true
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	defer func() { require.NoError(t, b.Close()) }()
	require.NoError(t, b.Listen("127.0.0.1:0"))
	s := &server{address: b.Addr().String(), broker: b, passwords: map[string]string{own: "x", other: "y"}}
	for range 3 {
		require.Equal(t, -1, s.dial(t).connect(s.connectPacket(own)))
	}
	require.EqualValues(t, 3, b.Stats().Panics.Load())
	s.login(t, other)
}

func TestRandomPacketsAfterLoginHarmNobody(t *testing.T) {
	s := embedded(t)
	hub, honest := s.loginHub(t), s.login(t, other)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		raw := []byte{byte(random.IntN(256)), byte(random.IntN(40))}
		for range int(raw[1]) {
			raw = append(raw, byte(random.IntN(256)))
		}
		p := s.login(t, own)
		_, err := p.conn.Write(raw)
		require.NoError(t, err)
		require.NoError(t, p.conn.Close())
	}
	p := s.login(t, own)
	require.Equal(t, byte(0x80), p.subscribe(""), "the SUBSCRIBE of 7 bytes that ends an unwrapped mochi when read as MQTT 5")
	_, err := p.conn.Write([]byte{0xf0, 3, 0x18, 1, 0x15})
	require.NoError(t, err)
	require.True(t, p.closed(), "an AUTH, which 3.1.1 does not have")
	honest.send(publish(protocol.UpTopic(other), "end"))
	require.Empty(t, hub.received("end"))
}

func TestCloseWhileClientsConnectAndTalk(t *testing.T) {
	s := embedded(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for {
				c, err := net.Dial("tcp", s.address)
				if err != nil {
					return // closed
				}
				p := &peer{t, c}
				if p.connect(s.connectPacket(own)) == 0 {
					p.send(publish(protocol.UpTopic(own), "x"))
				}
				_ = c.Close()
			}
		})
	}
	for s.broker.Stats().Sessions.Load() == 0 {
		time.Sleep(time.Millisecond) // a real socket: nothing tells when it is up
	}
	require.NoError(t, s.broker.Close())
	all.Wait()
	_, err := s.broker.Dial(t.Context())
	require.ErrorIs(t, err, net.ErrClosed)
}

// bubble is an embedded broker without a socket, for fake time.
func bubble(t testing.TB) *server {
	b := broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return &server{name: "embedded", broker: b, passwords: map[string]string{own: "x", broker.HubUser: b.HubPassword()}}
}

// attach connects inside the process.
func (s *server) attach(t testing.TB) *peer {
	c, err := s.broker.Dial(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t, c}
}

func TestWhatEndsASessionIsCounted(t *testing.T) {
	s := embedded(t)
	large := publish(protocol.UpTopic(own), strings.Repeat("x", protocol.MaxPayload+1024))
	twice, kept := publish(protocol.UpTopic(own), "x"), publish(protocol.UpTopic(own), "x")
	twice.Qos, kept.Retain = 2, true
	for i, m := range []*packets.PublishPacket{large, twice, kept, publish(protocol.UpTopic(other), "x")} {
		dev := s.login(t, own)
		dev.send(m)
		require.True(t, dev.closed())
		require.Eventually(t, func() bool { return s.broker.Stats().Sessions.Load() == 0 }, 5*time.Second, time.Millisecond)
		require.EqualValues(t, i+1, s.broker.Stats().Broken.Load(), "message %d", i)
	}
	s.login(t, own).send(packets.NewControlPacket(packets.Disconnect))
	require.Eventually(t, func() bool { return s.broker.Stats().Sessions.Load() == 0 }, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 4, s.broker.Stats().Broken.Load(), "who leaves in order is not counted")
}
