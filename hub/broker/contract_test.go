package broker_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
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
	broker    *broker.Broker
	passwords map[string]string
}

func embedded(t testing.TB) *server {
	passwords := map[string]string{own: "secret-1", other: "secret-2"}
	b := broker.New(broker.Config{
		Auth:   func(device, password string) bool { return passwords[device] == password },
		Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.NoError(t, b.Listen("127.0.0.1:0"))
	passwords[broker.HubUser] = b.HubPassword()
	return &server{name: "embedded", address: b.Addr().String(), broker: b, passwords: passwords}
}

func mosquitto(t testing.TB) *server {
	passwords := map[string]string{own: "secret-1", other: "secret-2", broker.HubUser: "secret-hub"}
	return &server{name: "mosquitto", address: mosquittotest.Start(t, passwords), passwords: passwords}
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

func (s *server) dial(t testing.TB) *peer {
	c, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t, c}
}

// connectPacket is a correct CONNECT of a user.
func (s *server) connectPacket(user string) *packets.ConnectPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion = "MQTT", 4
	c.CleanSession, c.Keepalive = true, 60
	c.ClientIdentifier = user
	c.UsernameFlag, c.Username = true, user
	c.PasswordFlag, c.Password = true, []byte(s.passwords[user])
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
	require.NoError(p.t, p.conn.SetReadDeadline(time.Now().Add(wait)))
	return packets.ReadPacket(p.conn)
}

// login gives a connection of a user that the broker has taken.
func (s *server) login(t testing.TB, user string) *peer {
	p := s.dial(t)
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
			_ = dev.conn.(*net.TCPConn).CloseWrite()
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
			p := s.dial(t)
			_ = p.connect(c)
			_ = p.conn.Close()
		}
		c := s.connectPacket(own)
		c.WillFlag, c.WillQos, c.WillTopic, c.WillMessage = true, 1, protocol.UpTopic(own), []byte("own will")
		p := s.dial(t)
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
		p := s.dial(t)
		require.NotEqual(t, 0, p.connect(will), "a retained will")

		hub := s.loginHub(t)
		s.login(t, own).send(publish(protocol.UpTopic(own), "end"))
		require.Empty(t, hub.received("end"))
	})
}

func TestLoginNeedsTheOwnCredential(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		for name, change := range map[string]func(*packets.ConnectPacket){
			"wrong password":        func(c *packets.ConnectPacket) { c.Password = []byte("wrong") },
			"another's password":    func(c *packets.ConnectPacket) { c.Password = []byte(s.passwords[other]) },
			"no password":           func(c *packets.ConnectPacket) { c.PasswordFlag = false },
			"empty password":        func(c *packets.ConnectPacket) { c.Password = nil },
			"nobody":                func(c *packets.ConnectPacket) { c.UsernameFlag, c.PasswordFlag = false, false },
			"unknown device":        func(c *packets.ConnectPacket) { c.Username, c.ClientIdentifier = "dev-3", "dev-3" },
			"not a device id":       func(c *packets.ConnectPacket) { c.Username, c.ClientIdentifier = "+", "+" },
			"the hub by a device's": func(c *packets.ConnectPacket) { c.Username, c.ClientIdentifier = broker.HubUser, broker.HubUser },
		} {
			c := s.connectPacket(own)
			change(c)
			require.Contains(t, []int{4, 5, -1}, s.dial(t).connect(c), name)
		}
	})
}

func TestClientIDOfAnotherIsNotTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		hub, victim := s.loginHub(t), s.login(t, other)
		require.Less(t, victim.subscribe(protocol.DownTopic(other)), byte(3))
		for _, id := range []string{other, broker.HubUser} {
			c := s.connectPacket(own)
			c.ClientIdentifier = id
			thief := s.dial(t)
			code := thief.connect(c)
			if s.broker != nil {
				require.Equal(t, 2, code, "the embedded broker refuses")
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
		first := s.dial(t)
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
		hub, dev := s.loginHub(t), s.login(t, own)
		for i, raw := range [][]byte{
			{}, {0x10}, {0x10, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x10, 0x00}, {0x82, 0x05, 0, 1, 0, 0, 0}, {0x30, 0x02, 0, 0},
			[]byte("GET / HTTP/1.1\r\n\r\n"), {0x10, 0x07, 0, 4, 'M', 'Q', 'T', 'T', 4}, {0xf0, 0x00}, {0x10, 0x02, 0xff, 0xff},
		} {
			p := s.dial(t)
			_, err := p.conn.Write(raw)
			require.NoError(t, err)
			_ = p.conn.(*net.TCPConn).CloseWrite() // the broker may have been quicker
			require.True(t, p.closed(), "garbage %d", i)
		}
		text := fmt.Sprint("still here ", s.name)
		dev.send(publish(protocol.UpTopic(own), text))
		require.Empty(t, hub.received(text))
	})
}
