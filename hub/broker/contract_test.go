package broker_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
	"meguri/hub/pki"
	"meguri/internal/mosquittotest"
	"meguri/protocol"
)

const (
	own   = "dev-1"
	other = "dev-2"
	wait  = 5 * time.Second
)

// server is a broker under test, with the devices own and other and the hub.
type server struct {
	name      string
	address   string
	broker    *broker.Broker        // nil for Mosquitto
	mosquitto *mosquittotest.Broker // nil for the embedded one
	authority *pki.Authority
	issued    map[string]pki.Issued // to devices and, on Mosquitto, to the hub
}

// newServer makes an authority and certificates for devices. It is not a broker yet.
func newServer(t testing.TB, name string, devices ...string) *server {
	s := &server{name: name, issued: map[string]pki.Issued{}}
	var err error
	s.authority, err = pki.Open(t.TempDir())
	require.NoError(t, err)
	for _, id := range devices {
		from, to := s.authority.Validity(time.Hour)
		s.issued[id], err = s.authority.Device(id, from, to)
		require.NoError(t, err)
	}
	return s
}

// start makes the embedded broker of a server. Change may be nil.
func (s *server) start(t testing.TB, change func(*broker.Config)) *server {
	certificate, err := s.authority.BrokerCertificate([]string{"127.0.0.1"})
	require.NoError(t, err)
	c := broker.Config{Certificate: certificate, CA: s.authority.Roots(), Logger: slog.New(slog.DiscardHandler),
		Auth: func(device, fingerprint string) bool { return s.issued[device].Fingerprint == fingerprint }}
	if change != nil {
		change(&c)
	}
	s.broker = broker.New(c)
	t.Cleanup(func() { require.NoError(t, s.broker.Close()) })
	require.NoError(t, s.broker.Listen("127.0.0.1:0"))
	s.address = s.broker.Addr().String()
	return s
}

func embedded(t testing.TB) *server { return newServer(t, "embedded", own, other).start(t, nil) }

func mosquitto(t testing.TB) *server {
	s := newServer(t, "mosquitto", own, other)
	var err error
	s.issued[broker.HubUser], err = s.authority.Hub()
	require.NoError(t, err)
	certificate, err := s.authority.Broker([]string{"127.0.0.1"})
	require.NoError(t, err)
	s.mosquitto = mosquittotest.Start(t, mosquittotest.Certificates{CA: s.authority.CA(), Broker: certificate.Certificate, Key: certificate.Key,
		CRL: s.crl(t)})
	s.address = s.mosquitto.Address
	return s
}

// crl is the list of revoked certificates with the given ones in it.
func (s *server) crl(t testing.TB, revoked ...pki.Issued) []byte {
	var list []pki.Revoked
	for _, i := range revoked {
		list = append(list, pki.Revoked{Serial: i.Serial, At: time.Now()})
	}
	require.NoError(t, s.authority.WriteCRL(list))
	text, err := os.ReadFile(s.authority.CRLPath())
	require.NoError(t, err)
	return text
}

// onBoth runs a test against the embedded broker and against Mosquitto with the rules of deploy/mosquitto.
func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	t.Run("mosquitto", func(t *testing.T) { test(t, mosquitto(t)) })
}

// peer is a bare connection: it can say what a well-behaved client would not.
type peer struct {
	t    testing.TB
	conn net.Conn
}

// dial connects with the certificate of a user; the hub is in the embedded broker's own process.
func (s *server) dial(t testing.TB, user string) *peer {
	if s.broker != nil && user == broker.HubUser {
		return s.attachTCP(t, user)
	}
	pair, err := s.issued[user].TLS()
	require.NoError(t, err)
	c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.authority.Roots(), Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t, c}
}

// attach connects inside the process, without TLS.
func (s *server) attach(t testing.TB, user string) *peer {
	ours, theirs := net.Pipe()
	require.True(t, s.broker.AttachAs(theirs, broker.Peer{Device: user, Fingerprint: s.issued[user].Fingerprint}))
	t.Cleanup(func() { _ = ours.Close() })
	return &peer{t, ours}
}

// attachTCP connects likewise, by a connection that buffers.
func (s *server) attachTCP(t testing.TB, user string) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ours, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	theirs, err := l.Accept()
	require.NoError(t, errors.Join(err, l.Close()))
	require.True(t, s.broker.AttachAs(theirs, broker.Peer{Device: user}))
	t.Cleanup(func() { _ = ours.Close() })
	return &peer{t, ours}
}

// connectPacket is a correct CONNECT of a user.
func (s *server) connectPacket(user string) *packets.ConnectPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion = "MQTT", 4
	c.CleanSession, c.Keepalive = true, 60
	c.ClientIdentifier = user
	c.UsernameFlag, c.Username = true, user
	return c
}

// connect sends a CONNECT and gives the return code of the answer, -1 when the connection was closed instead.
func (p *peer) connect(c *packets.ConnectPacket) int {
	p.send(c)
	got, err := p.read()
	if err != nil {
		return -1
	}
	return int(got.(*packets.ConnackPacket).ReturnCode)
}

func (p *peer) send(c packets.ControlPacket) { _ = c.Write(p.conn) } // it may be closed: what was read tells

func (p *peer) read() (packets.ControlPacket, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err // of a pipe that is closed
	}
	return packets.ReadPacket(p.conn)
}

// login gives a connection of a user that the broker has taken.
func (s *server) login(t testing.TB, user string) *peer {
	p := s.dial(t, user)
	require.Equal(t, 0, p.connect(s.connectPacket(user)), "CONNECT of %s", user)
	return p
}

// subscribe gives the return code for one filter.
func (p *peer) subscribe(filter string) byte {
	c := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	c.MessageID, c.Topics, c.Qoss = 7, []string{filter}, []byte{1}
	p.send(c)
	for {
		got, err := p.read()
		require.NoError(p.t, err, "SUBACK for %s", filter)
		if ack, ok := got.(*packets.SubackPacket); ok {
			return ack.ReturnCodes[0]
		}
	}
}

func publish(topic, text string) *packets.PublishPacket {
	c := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	c.TopicName, c.Payload, c.Qos, c.MessageID = topic, []byte(text), 1, 9
	return c
}

// received reads until a message with the given text arrives and gives the texts that came before it.
func (p *peer) received(until string) (before []string) {
	for {
		got, err := p.read()
		require.NoError(p.t, err, "waiting for %q after %q", until, before)
		m, ok := got.(*packets.PublishPacket)
		if !ok {
			continue
		}
		if m.Qos == 1 {
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = m.MessageID
			p.send(ack)
		}
		if string(m.Payload) == until {
			return before
		}
		before = append(before, string(m.Payload))
	}
}

// closed says whether the broker ends the connection, whatever it sends before.
func (p *peer) closed() bool {
	for {
		_, err := p.read()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// loginHub is the hub's connection, subscribed to all that devices say.
func (s *server) loginHub(t testing.TB) *peer {
	p := s.login(t, broker.HubUser)
	require.Less(t, p.subscribe(protocol.UpFilter), byte(3))
	return p
}

func TestDeviceAndHubHearEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, dev := s.loginHub(t), s.login(t, own)
		require.Less(t, dev.subscribe(protocol.DownTopic(own)), byte(3))
		dev.send(publish(protocol.UpTopic(own), "up"))
		require.Empty(t, hub.received("up"))
		hub.send(publish(protocol.DownTopic(own), "down"))
		require.Empty(t, dev.received("down"))
	})
}

func TestDevicePublishesItsOwnTopicOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, victim := s.loginHub(t), s.login(t, other)
		require.Less(t, victim.subscribe(protocol.DownTopic(other)), byte(3))
		for _, topic := range []string{
			protocol.UpTopic(other), protocol.DownTopic(other), protocol.DownTopic(own), protocol.UpTopic(own) + "/x",
			"meguri/v1/up", "meguri/v1//up", "/" + protocol.UpTopic(own), "$SYS/broker/version", "a", "",
			"meguri/v1/+/up", "$share/g/" + protocol.UpTopic(own),
		} {
			dev := s.login(t, own)
			dev.send(publish(topic, "bad on "+topic))
			// An order: after this the bad one would have arrived. A broker may have ended that connection.
			dev.send(publish(protocol.UpTopic(own), "good"))
			_ = dev.conn.(*tls.Conn).CloseWrite()
			dev.closed()
		}
		s.login(t, own).send(publish(protocol.UpTopic(own), "end"))
		for _, text := range hub.received("end") {
			require.Equal(t, "good", text)
		}
		hub.send(publish(protocol.DownTopic(other), "end"))
		require.Empty(t, victim.received("end"))
	})
}

func TestDeviceReadsItsOwnTopicOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, dev, victim := s.loginHub(t), s.login(t, own), s.login(t, other)
		filters := []string{
			protocol.UpFilter, "#", "+/+/+/+", "+/v1/" + other + "/down", "meguri/v1/+/down", "meguri/v1/#",
			protocol.DownTopic(own) + "/#", protocol.DownTopic(other), protocol.UpTopic(own), protocol.UpTopic(other),
			"$share/g/" + protocol.UpFilter, "$share/g/" + protocol.DownTopic(other), "$share/g/#",
			"$SYS/#", "$SYS/broker/version",
		}
		for _, filter := range filters {
			code := dev.subscribe(filter)
			if s.broker != nil {
				require.Equal(t, byte(0x80), code, "the embedded broker refuses %s", filter)
			}
		}
		require.Less(t, dev.subscribe(protocol.DownTopic(own)), byte(3))
		victim.send(publish(protocol.UpTopic(other), "secret up"))
		require.Empty(t, hub.received("secret up"), "and a shared subscription takes nothing away from the hub")
		hub.send(publish(protocol.DownTopic(other), "secret down"))
		hub.send(publish(protocol.DownTopic(own), "end"))
		require.Empty(t, dev.received("end"))
	})
}

func TestWillGoesToTheOwnTopicOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, victim := s.loginHub(t), s.login(t, other)
		require.Less(t, victim.subscribe(protocol.DownTopic(other)), byte(3))
		for _, topic := range []string{protocol.UpTopic(other), protocol.DownTopic(other), "meguri/v1/x", "$SYS/x"} {
			c := s.connectPacket(own)
			c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, topic, []byte("bad will")
			p := s.dial(t, own)
			_ = p.connect(c)
			_ = p.conn.Close()
		}
		c := s.connectPacket(own)
		c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, protocol.UpTopic(own), []byte("own will")
		p := s.dial(t, own)
		require.Equal(t, 0, p.connect(c))
		require.NoError(t, p.conn.Close())
		require.Empty(t, hub.received("own will"))
		hub.send(publish(protocol.DownTopic(other), "end"))
		require.Empty(t, victim.received("end"))
	})
}

func TestNothingIsRetained(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		dev := s.login(t, own)
		m := publish(protocol.UpTopic(own), "retained")
		m.Retain = true
		dev.send(m)
		require.True(t, dev.closed(), "a retained message ends the connection")

		will := s.connectPacket(own)
		will.WillFlag, will.WillRetain, will.WillTopic, will.WillMessage = true, true, protocol.UpTopic(own), []byte("retained")
		p := s.dial(t, own)
		require.NotEqual(t, 0, p.connect(will), "a retained will")

		hub := s.loginHub(t)
		s.login(t, own).send(publish(protocol.UpTopic(own), "end"))
		require.Empty(t, hub.received("end"))
	})
}

func TestClientIDOfAnotherIsNotTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, victim := s.loginHub(t), s.login(t, other)
		require.Less(t, victim.subscribe(protocol.DownTopic(other)), byte(3))
		for _, id := range []string{other, broker.HubUser} {
			c := s.connectPacket(own)
			c.ClientIdentifier = id
			byID := s.dial(t, own).connect(c)
			c.ClientIdentifier, c.Username = own, id
			byName := s.dial(t, own).connect(c)
			if s.broker != nil {
				require.Equal(t, []int{2, 4}, []int{byID, byName}, "the embedded broker refuses")
			}
		}
		hub.send(publish(protocol.DownTopic(other), "end"))
		require.Empty(t, victim.received("end"), "the victim is still there and hears")
	})
}

func TestNewSessionOfADeviceEndsTheOldAndInheritsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub := s.loginHub(t)
		c := s.connectPacket(own)
		c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, protocol.UpTopic(own), []byte("gone")
		first := s.dial(t, own)
		require.Equal(t, 0, first.connect(c))
		require.Less(t, first.subscribe(protocol.DownTopic(own)), byte(3))

		second := s.login(t, own)
		require.True(t, first.closed())
		require.Empty(t, hub.received("gone"))
		hub.send(publish(protocol.DownTopic(own), "before"))
		hub.send(publish(protocol.UpTopic(own), "not the hub's to write")) // ends its session, or is dropped
		hub = s.loginHub(t)
		require.Less(t, second.subscribe(protocol.DownTopic(own)), byte(3))
		hub.send(publish(protocol.DownTopic(own), "after"))
		require.Empty(t, second.received("after"), "nothing from before its own subscription")
	})
}

func TestTooLargePacketEndsTheConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, dev := s.loginHub(t), s.login(t, own)
		largest := strings.Repeat("x", protocol.MaxPayload)
		dev.send(publish(protocol.UpTopic(own), largest))
		require.Empty(t, hub.received(largest), "the largest message of the protocol passes")
		dev.send(publish(protocol.UpTopic(own), largest+strings.Repeat("x", 1024)))
		require.True(t, dev.closed())
		s.login(t, own).send(publish(protocol.UpTopic(own), "end"))
		require.Empty(t, hub.received("end"))
	})
}

func TestQoS2EndsTheConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		dev := s.login(t, own)
		m := publish(protocol.UpTopic(own), "twice")
		m.Qos = 2
		dev.send(m)
		require.True(t, dev.closed())
	})
}

func TestGarbageBeforeLoginHarmsNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, dev := s.loginHub(t), s.login(t, other)
		for i, raw := range [][]byte{
			{}, {0x10}, {0x10, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x10, 0x00}, {0x82, 0x05, 0, 1, 0, 0, 0}, {0x30, 0x02, 0, 0},
			[]byte("GET / HTTP/1.1\r\n\r\n"), {0x10, 0x07, 0, 4, 'M', 'Q', 'T', 'T', 4}, {0xf0, 0x00}, {0x10, 0x02, 0xff, 0xff},
			{0x16, 3, 1, 0xff, 0xff, 1}, {0x16, 3, 1, 0, 4, 1, 0, 0, 0},
		} {
			secure := s.dial(t, own)
			bare, err := net.Dial("tcp", s.address)
			require.NoError(t, err)
			for _, p := range []*peer{secure, {t, bare}} {
				_, err := p.conn.Write(raw)
				require.NoError(t, err)
				if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
					_ = c.CloseWrite() // the broker may have been quicker
				}
				require.True(t, p.closed(), "garbage %d", i)
				_ = p.conn.Close()
			}
		}
		text := fmt.Sprint("still here ", s.name)
		dev.send(publish(protocol.UpTopic(other), text))
		require.Empty(t, hub.received(text))
	})
}

// next gives the next message, and the device of its topic.
func (p *peer) next() (device, text string, err error) {
	for {
		got, err := packets.ReadPacket(p.conn)
		if err != nil {
			return "", "", err
		}
		if m, ok := got.(*packets.PublishPacket); ok {
			return strings.Split(m.TopicName, "/")[2], string(m.Payload), nil
		}
	}
}
