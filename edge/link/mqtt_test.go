package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/internal/pkitest"
	"meguri/protocol"
)

// hall is a real broker with a model hub behind it.
type hall struct {
	server *broker.Server

	mu    sync.Mutex
	hub   *hub
	gone  []protocol.Gone
	hello []protocol.Hello
	deaf  bool // the hub hears nothing
	conns []net.Conn
	rules rules
}

// rules say what the broker allows.
type rules struct {
	broker.HookBase
	noLogin, noSubscriber bool
}

func (r *rules) ID() string { return "rules" }
func (r *rules) Provides(b byte) bool {
	return bytes.Contains([]byte{broker.OnConnectAuthenticate, broker.OnACLCheck}, []byte{b})
}
func (r *rules) OnConnectAuthenticate(cl *broker.Client, p packets.Packet) bool {
	return !r.noLogin && string(p.Connect.Username) == p.Connect.ClientIdentifier && p.Connect.Clean && p.ProtocolVersion == 4
}
func (r *rules) OnACLCheck(_ *broker.Client, topic string, write bool) bool {
	if write {
		return topic == protocol.UpTopic("d-1")
	}
	return topic == protocol.DownTopic("d-1") && !r.noSubscriber
}

func newHall(t testing.TB, r rules) *hall {
	h := &hall{hub: newHub(), rules: r,
		server: broker.New(&broker.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})}
	require.NoError(t, h.server.AddHook(&h.rules, nil))
	require.NoError(t, h.server.Serve())
	t.Cleanup(func() { require.NoError(t, h.server.Close()) })
	require.NoError(t, h.server.Subscribe(protocol.UpFilter, 1, func(_ *broker.Client, _ packets.Subscription, p packets.Packet) {
		h.take(t, p.Payload)
	}))
	return h
}

func (h *hall) take(t testing.TB, payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf {
		return
	}
	m, err := protocol.Decode(payload)
	require.NoError(t, err)
	switch m := m.(type) {
	case protocol.Gone:
		h.gone = append(h.gone, m)
	case protocol.Hello:
		h.hello = append(h.hello, m)
	}
	for _, answer := range h.hub.receive(t, payload) {
		h.publish(t, answer)
	}
}

func (h *hall) publish(t testing.TB, m protocol.Message) {
	require.NoError(t, h.server.Publish(protocol.DownTopic("d-1"), encode(t, m), false, 1))
}

// dial joins a device to the broker in memory.
func (h *hall) dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	h.mu.Lock()
	h.conns = append(h.conns, ours)
	h.mu.Unlock()
	go func() { _ = h.server.EstablishConnection("memory", theirs) }()
	return ours, nil
}

func (h *hall) with(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// cut ends the newest connection as a network does: without a word.
func (h *hall) cut() { h.with(func() { _ = h.conns[len(h.conns)-1].Close() }) }

// device is a running link.
type device struct {
	log   *edgelog.Log
	agent *agent
	stop  func()
}

// run starts a link; stop ends it and waits.
func run(t *testing.T, change func(*Config)) *device {
	d := &device{log: openLog(t), agent: &agent{}}
	c := configOf(d.log, d.agent)
	change(&c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(c).Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(d.stop)
	return d
}

// bubble runs a test on fake time with a broker.
func bubble(t *testing.T, r rules, test func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, newHall(t, r))
	})
}

func TestRecordsTravelOverARealBroker(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		d := run(t, func(c *Config) { c.Dial = h.dial })
		for n := range 20 {
			add(t, d.log, event(n), reading(n))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		p := &pair{t: t, log: d.log, hub: h.hub}
		require.Equal(t, upTo(20), p.values(protocol.Events))
		require.Equal(t, upTo(20), p.values(protocol.Readings))
		require.Equal(t, uint64(21), p.position(protocol.Events).First, "safe, and deleted")

		m := p.planOf(3, "one", "two")
		c := protocol.Command{ID: "c", Incarnation: d.log.Incarnation(), Counter: 1, Kind: protocol.CommandIdentify}
		h.publish(t, m)
		h.publish(t, c)
		synctest.Wait()
		require.Equal(t, uint64(3), d.agent.version)
		require.Equal(t, []protocol.Command{c}, d.agent.commands)

		start := time.Now()
		d.stop()
		require.Less(t, time.Since(start), 2*time.Second)
		synctest.Wait()
		require.Equal(t, []protocol.Gone{{Incarnation: d.log.Incarnation(), Boot: 1, Session: 1}}, h.gone, "it takes its leave")
	})
}

func TestACutConnectionIsMadeAgainAndTheWillNamesTheOldOne(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		d := run(t, func(c *Config) { c.Dial = h.dial })
		for n := range 30 {
			add(t, d.log, event(n))
			if n%10 == 5 {
				synctest.Wait()
				h.cut()
			}
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		p := &pair{t: t, log: d.log, hub: h.hub}
		require.Equal(t, upTo(30), p.values(protocol.Events))
		require.Len(t, h.hello, 4)
		for i, g := range h.gone {
			require.Equal(t, uint64(i)+1, g.Session)
			require.Equal(t, uint64(i)+2, h.hello[i+1].Session)
		}
		require.Len(t, h.gone, 3)
		d.stop()
	})
}

// TestAHalfOpenConnectionIsNoticed: neither side hears the other, and nobody says so.
func TestAHalfOpenConnectionIsNoticed(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		var networks []*network
		d := run(t, func(c *Config) {
			c.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := h.dial(ctx)
				n := &network{Conn: conn, dead: make(chan struct{}), closed: make(chan struct{})}
				h.with(func() { networks = append(networks, n) })
				return n, err
			}
		})
		time.Sleep(time.Second)
		h.with(func() { close(networks[0].dead) })
		add(t, d.log, event(0))
		time.Sleep(90 * time.Second)
		synctest.Wait()
		require.Equal(t, upTo(1), (&pair{t: t, log: d.log, hub: h.hub}).values(protocol.Events))
		d.stop()
	})
}

// network is a connection on which, once it is dead, writes go nowhere and nothing comes.
type network struct {
	net.Conn
	dead, closed chan struct{}
	once         sync.Once
}

func (n *network) Write(b []byte) (int, error) {
	select {
	case <-n.dead:
		return len(b), nil
	default:
		return n.Conn.Write(b)
	}
}

func (n *network) Read(b []byte) (int, error) {
	count, err := n.Conn.Read(b)
	select {
	case <-n.dead:
		<-n.closed
		return 0, io.EOF
	default:
		return count, err
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return n.Conn.Close()
}

func TestADeafHubLosesNothing(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		h.deaf = true // the broker acknowledges everything meanwhile
		d := run(t, func(c *Config) { c.Dial = h.dial })
		for n := range 10 {
			add(t, d.log, event(n))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		p := &pair{t: t, log: d.log, hub: h.hub}
		require.Equal(t, uint64(1), p.position(protocol.Events).First)
		h.with(func() { h.deaf = false })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, upTo(10), p.values(protocol.Events))
		d.stop()
	})
}

func TestAForkedDeviceComesBackWithANewWill(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		d := run(t, func(c *Config) { c.Dial = h.dial })
		add(t, d.log, event(0))
		time.Sleep(3 * time.Second)
		old := d.log.Incarnation()
		h.with(func() { h.hub.forked = old })
		h.cut()
		time.Sleep(10 * time.Second)
		h.cut()
		synctest.Wait()
		last := h.hello[len(h.hello)-1]
		require.Equal(t, d.log.Incarnation(), last.Incarnation)
		require.Equal(t, old, last.Parent.Incarnation)
		require.Equal(t, last.Incarnation, h.gone[len(h.gone)-1].Incarnation)
		d.stop()
	})
}

// message is one that paho hands on.
type message struct {
	mqtt.Message
	retained bool
}

func (m message) Retained() bool  { return m.retained }
func (m message) Payload() []byte { return []byte("payload") }

func TestRetainedMessagesAreIgnored(t *testing.T) {
	w := &mqttWire{in: make(chan []byte, 2), ended: make(chan struct{})}
	w.take(nil, message{retained: true})
	require.Empty(t, w.in)
	w.take(nil, message{})
	require.Len(t, w.in, 1)
}

func TestWhatTheBrokerRefusesIsTriedAgainWithPauses(t *testing.T) {
	for name, r := range map[string]rules{
		"login":        {noLogin: true},
		"subscription": {noSubscriber: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, r, func(t *testing.T, h *hall) {
				d := run(t, func(c *Config) { c.Dial = h.dial })
				time.Sleep(10 * time.Minute)
				h.with(func() {
					require.Empty(t, h.hello)
					require.Greater(t, len(h.conns), 10)
					require.Less(t, len(h.conns), 120, "15 s between them on average")
				})
				d.stop()
			})
		})
	}
}

func TestPausesAreAsShortAsAskedFor(t *testing.T) {
	bubble(t, rules{noLogin: true}, func(t *testing.T, h *hall) {
		d := run(t, func(c *Config) { c.Dial, c.MaxPause = h.dial, 2*time.Second })
		time.Sleep(10 * time.Minute)
		h.with(func() { require.Greater(t, len(h.conns), 300) })
		d.stop()
	})
}

func TestTheLinkStopsAtOnceWhateverItWaitsFor(t *testing.T) {
	silent := func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		return ours, nil
	}
	for name, dial := range map[string]dialFunc{
		"no route":        func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
		"refused":         func(context.Context) (net.Conn, error) { return nil, errors.New("refused") },
		"a silent broker": silent,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := run(t, func(c *Config) { c.Dial = dial })
				time.Sleep(time.Minute)
				start := time.Now()
				d.stop()
				require.Less(t, time.Since(start), time.Second)
			})
		})
	}
}

func TestAClosedLogEndsTheLink(t *testing.T) {
	bubble(t, rules{}, func(t *testing.T, h *hall) {
		log := openLog(t)
		require.NoError(t, log.Close())
		c := configOf(log, &agent{})
		c.Dial = h.dial
		require.ErrorIs(t, New(c).Run(t.Context()), edgelog.ErrClosed)
	})
}

func TestConfigurationIsChecked(t *testing.T) {
	log := openLog(t)
	for want, change := range map[string]func(*Config){
		"device id":               func(c *Config) { c.Device = "A B" },
		"want tls://HOST":         func(c *Config) { c.Broker = "http://hub" },
		`"tcp://hub": want tls`:   func(c *Config) { c.Broker = "tcp://hub" },
		"want tls://HOST[:PORT]":  func(c *Config) { c.Broker = "tls://" },
		"first path segment":      func(c *Config) { c.Broker = "1:2:3" },
		"invalid port \":sixteen": func(c *Config) { c.Broker = "tls://hub:sixteen" },
		"want a certificate":      func(c *Config) { c.TLS = nil },
	} {
		c := configOf(log, &agent{})
		c.Broker, c.TLS = "tls://hub", &tls.Config{}
		change(&c)
		require.ErrorContains(t, New(c).Run(t.Context()), want)
	}
}

// secureHall is a hall behind TLS on the loopback interface; it wants a certificate of a CA and has one of another.
func secureHall(t *testing.T, devices, servers *pkitest.CA) (h *hall, address string) {
	h = newHall(t, rules{})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{servers.Pair(t, "broker")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: devices.Roots, MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = h.server.EstablishConnection("tcp", conn) }()
		}
	}()
	return h, listener.Addr().String()
}

// TestARealConnection dials over the loopback interface.
func TestARealConnection(t *testing.T) {
	ca := pkitest.New(t)
	h, address := secureHall(t, ca, ca)
	config := &tls.Config{RootCAs: ca.Roots, Certificates: []tls.Certificate{ca.Pair(t, "d-1")}}
	d := run(t, func(c *Config) { c.Broker, c.TLS = "tls://"+address, config })
	for n := range 10 {
		add(t, d.log, event(n))
	}
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.hub.log(logKey{d.log.Incarnation(), protocol.Events}).next() == 11
	}, 10*time.Second, 5*time.Millisecond)
	d.stop()
	require.Empty(t, config.ServerName, "the caller's configuration is not changed")
}

func TestTheBrokerMustShowTheRightCertificate(t *testing.T) {
	ca, stranger := pkitest.New(t), pkitest.New(t)
	_, address := secureHall(t, ca, stranger)
	for want, change := range map[string]func(*Config){
		"unknown authority": func(*Config) {},
		"not elsewhere":     func(c *Config) { c.TLS.RootCAs, c.TLS.ServerName = stranger.Roots, "elsewhere" },
		"not 127.0.0.9": func(c *Config) { // also where the caller has a way of its own
			c.TLS.RootCAs, c.Broker = stranger.Roots, "tls://127.0.0.9"
			c.Dial = func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", address) }
		},
	} {
		c := configOf(openLog(t), &agent{})
		c.Broker, c.TLS = "tls://"+address, &tls.Config{RootCAs: ca.Roots, Certificates: []tls.Certificate{ca.Pair(t, "d-1")}}
		change(&c)
		dial, err := dialer(c)
		require.NoError(t, err)
		_, err = dial(t.Context())
		require.ErrorContains(t, err, want)
	}
}
