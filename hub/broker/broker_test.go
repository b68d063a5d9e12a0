package broker_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
		p := s.dial(t, own)
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
	require.Equal(t, 2, s.dial(t, own).connect(c))
}

func TestSilentAndSlowPeersAreClosedBeforeLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, "", own)
		certificate, err := s.authority.BrokerCertificate([]string{"127.0.0.1"})
		require.NoError(t, err)
		b := broker.New(broker.Config{Certificate: certificate, CA: s.authority.Roots(), Logger: slog.New(slog.DiscardHandler)})
		defer func() { require.NoError(t, b.Close()) }()
		start := time.Now()
		var dripping sync.WaitGroup
		defer dripping.Wait()
		hello := append([]byte{0x16, 3, 1, 0, 100, 1, 0, 0, 96}, make([]byte, 96)...) // of TLS
		connect := append([]byte{0x10, 100}, make([]byte, 100)...)
		for _, drip := range [][]byte{nil, hello, connect} { // a byte a second of what would be within the size
			for _, secure := range []bool{true, false} {
				ours, theirs := net.Pipe()
				if secure {
					require.True(t, b.Attach(theirs))
				} else {
					require.True(t, b.AttachAs(theirs, broker.Peer{Device: own}))
				}
				dripping.Go(func() {
					for _, c := range drip {
						if _, err := ours.Write([]byte{c}); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				})
				for err == nil { // an alert of TLS may come
					_, err = ours.Read(make([]byte, 100))
				}
				err = nil
				_ = ours.Close()
			}
		}
		require.LessOrEqual(t, time.Since(start), 31*time.Second, "5 s each")
	})
}

func TestAPeerHas16KiBBeforeLogin(t *testing.T) {
	s := embedded(t)
	c := s.connectPacket(own)
	c.WillFlag, c.WillTopic, c.WillMessage = true, protocol.UpTopic(own), make([]byte, 10<<10)
	require.Equal(t, 0, s.dial(t, own).connect(c))
	c.WillMessage = make([]byte, 16<<10)
	require.Equal(t, -1, s.dial(t, own).connect(c))

	// The beginning of a ClientHello of 64 KiB, which TLS itself would take.
	bare, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	start := time.Now()
	for record := range 2 {
		raw := append([]byte{0x16, 3, 1, 0x40, 0}, make([]byte, 16<<10)...)
		if record == 0 {
			copy(raw[5:], []byte{1, 0, 0xff, 0xf0})
		}
		_, _ = bare.Write(raw) // it may be closed already
	}
	require.True(t, (&peer{t, bare}).closed())
	require.Less(t, time.Since(start), 3*time.Second, "not for want of time")
	_ = bare.Close()
	require.Eventually(t, func() bool { return s.broker.Stats().Refused.Load() == 2 }, wait, time.Millisecond)
}

func TestSilentDeviceIsClosedAlsoWithoutKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t)
		c := s.connectPacket(own)
		c.Keepalive = 0
		p := s.attach(t, own)
		require.Equal(t, 0, p.connect(c))
		start := time.Now()
		require.NoError(t, p.conn.SetReadDeadline(time.Time{}))
		_, err := packets.ReadPacket(p.conn)
		require.Error(t, err)
		require.Equal(t, 15*time.Minute, time.Since(start).Round(time.Second), "one and a half times 600 s")
	})
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
		dev := s.attach(t, own)
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
	s := newServer(t, "embedded", own, other).start(t, func(c *broker.Config) {
		c.Auth = func(device, _ string) bool {
			if device == own {
				panic("a fault in what the broker calls")
			}
			return true
		}
	})
	for range 3 {
		require.Equal(t, -1, s.dial(t, own).connect(s.connectPacket(own)))
	}
	require.EqualValues(t, 3, s.broker.Stats().Panics.Load())
	s.login(t, other)
}

// faulty is a connection on which a read panics once it is told to.
type faulty struct {
	net.Conn
	panics atomic.Bool
}

func (f *faulty) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.panics.Load() {
		panic("a fault in the library")
	}
	return n, err
}

func TestAPanicLosesNoWill(t *testing.T) {
	s := embedded(t)
	hub := s.loginHub(t)
	ours, theirs := net.Pipe()
	f := &faulty{Conn: theirs}
	require.True(t, s.broker.AttachAs(f, broker.Peer{Device: own, Fingerprint: s.issued[own].Fingerprint}))
	p := &peer{t, ours}
	c := s.connectPacket(own)
	c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, protocol.UpTopic(own), []byte("will")
	require.Equal(t, 0, p.connect(c))
	f.panics.Store(true)
	p.send(packets.NewControlPacket(packets.Pingreq))
	require.Empty(t, hub.received("will"))
	require.EqualValues(t, 1, s.broker.Stats().Panics.Load())
	s.login(t, own)
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
	pair, err := s.issued[own].TLS()
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for {
				c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.authority.Roots(), Certificates: []tls.Certificate{pair}})
				if err != nil {
					if errors.Is(err, syscall.ECONNREFUSED) {
						return // closed
					}
					continue // ended by another one's take-over, or in the end
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
	_, err = s.broker.Dial(t.Context())
	require.ErrorIs(t, err, net.ErrClosed)
}

// bubble is an embedded broker without a socket, for fake time.
func bubble(t testing.TB) *server {
	b := broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return &server{name: "embedded", broker: b}
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
