package link_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"meguri/hub/admission"
	"meguri/hub/broker"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/mosquittotest"
	"meguri/protocol"
)

const soon = 10 * time.Second

// wired is a hub behind a broker.
type wired struct {
	*hub
	mqtt      *link.MQTT
	broker    *broker.Broker // nil for Mosquitto
	authority *pki.Authority
	address   string
	wake      chan struct{}
	line      atomic.Pointer[net.Conn] // the hub's own to its broker
}

// run joins a hub to a broker until the test ends.
func (w *wired) run(c link.MQTTConfig) {
	c.Receiver, c.Wake, c.Logger = w.Receiver, w.wake, slog.New(slog.DiscardHandler)
	c.User = broker.HubUser
	w.mqtt = link.NewMQTT(c)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.ErrorIs(w.t, w.mqtt.Run(ctx), context.Canceled) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	require.Eventually(w.t, w.mqtt.Connected, soon, time.Millisecond)
}

func newWired(t testing.TB) *wired {
	authority, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	return &wired{hub: newHub(t, storetest.SQLite(t)), authority: authority, wake: make(chan struct{}, 1)}
}

// certificate gives a device one.
func (w *wired) certificate(t testing.TB, id string) tls.Certificate {
	from, to := w.authority.Validity(time.Hour)
	i, err := w.authority.Device(id, from, to)
	require.NoError(t, err)
	w.change(func(tx *store.Tx) error {
		return tx.AddCertificate(t.Context(), fleet.Certificate{Device: id, Fingerprint: i.Fingerprint, Serial: i.Serial, IssuedAt: from, EndsAt: to})
	})
	pair, err := i.TLS()
	require.NoError(t, err)
	return pair
}

func withEmbedded(t testing.TB) *wired {
	w := newWired(t)
	certificate, err := w.authority.BrokerCertificate([]string{"127.0.0.1"})
	require.NoError(t, err)
	gate := admission.New(admission.Config{Store: w.store, Logger: slog.New(slog.DiscardHandler)})
	w.broker = broker.New(broker.Config{Certificate: certificate, CA: w.authority.Roots(), Auth: gate.Auth, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, w.broker.Close()) })
	require.NoError(t, w.broker.Listen("127.0.0.1:0"))
	w.address = w.broker.Addr().String()
	w.run(link.MQTTConfig{URL: "tcp://embedded", Dial: func(ctx context.Context) (net.Conn, error) {
		c, err := w.broker.Dial(ctx)
		w.line.Store(&c)
		return c, err
	}})
	return w
}

func withMosquitto(t testing.TB) *wired {
	w := newWired(t)
	certificate, err := w.authority.Broker([]string{"127.0.0.1"})
	require.NoError(t, err)
	require.NoError(t, w.authority.WriteCRL(nil))
	crl, err := os.ReadFile(w.authority.CRLPath())
	require.NoError(t, err)
	w.address = mosquittotest.Start(t, mosquittotest.Certificates{CA: w.authority.CA(), Broker: certificate.Certificate, Key: certificate.Key,
		CRL: crl}).Address
	w.run(link.MQTTConfig{URL: "tls://" + w.address, TLS: w.authority.HubTLS()})
	return w
}

func onBothBrokers(t *testing.T, test func(t *testing.T, w *wired)) {
	t.Run("embedded", func(t *testing.T) { test(t, withEmbedded(t)) })
	t.Run("mosquitto", func(t *testing.T) { test(t, withMosquitto(t)) })
}

// dev is a device's connection.
type dev struct {
	t    testing.TB
	id   string
	paho paho.Client
	down chan protocol.Message
	lost chan struct{}
}

func (w *wired) connect(t testing.TB, id string, will *protocol.Gone) *dev {
	d := &dev{t: t, id: id, down: make(chan protocol.Message, 10_000), lost: make(chan struct{}, 1)}
	o := paho.NewClientOptions().AddBroker("tls://" + w.address).SetClientID(id).SetUsername(id).
		SetTLSConfig(&tls.Config{RootCAs: w.authority.Roots(), Certificates: []tls.Certificate{w.certificate(t, id)}}).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectionLostHandler(func(paho.Client, error) { d.lost <- struct{}{} })
	if will != nil {
		payload, err := protocol.Encode(*will)
		require.NoError(t, err)
		o.SetBinaryWill(protocol.UpTopic(id), payload, 1, false)
	}
	d.paho = paho.NewClient(o)
	token := d.paho.Connect()
	require.True(t, token.WaitTimeout(soon))
	require.NoError(t, token.Error())
	t.Cleanup(func() { d.paho.Disconnect(0) })
	token = d.paho.Subscribe(protocol.DownTopic(id), 1, func(_ paho.Client, m paho.Message) {
		if msg, err := protocol.Decode(m.Payload()); err == nil {
			d.down <- msg
		}
	})
	require.True(t, token.WaitTimeout(soon))
	require.NoError(t, token.Error())
	return d
}

func (d *dev) say(m protocol.Message) {
	payload, err := protocol.Encode(m)
	require.NoError(d.t, err)
	d.paho.Publish(protocol.UpTopic(d.id), 1, false, payload)
}

// hears waits for a message of a type.
func hears[T protocol.Message](d *dev) T {
	d.t.Helper()
	timeout := time.After(soon)
	for {
		select {
		case m := <-d.down:
			if m, ok := m.(T); ok {
				return m
			}
		case <-timeout:
			var none T
			require.FailNow(d.t, fmt.Sprintf("%s hears no %T", d.id, none))
		}
	}
}

// ackWithin waits a while for an acknowledgement, and gives an empty one when there is none.
func (d *dev) ackWithin(within time.Duration) protocol.Ack {
	timeout := time.After(within)
	for {
		select {
		case m := <-d.down:
			if a, ok := m.(protocol.Ack); ok {
				return a
			}
		case <-timeout:
			return protocol.Ack{}
		}
	}
}

func TestHelloBatchPlanAndCommandOverABroker(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *wired) {
		ctx := t.Context()
		l := newLog(protocol.Events).scans(3)
		d := w.connect(t, station, &protocol.Gone{Incarnation: l.incarnation, Boot: 1, Session: 1})
		d.say(helloOf(l))
		require.Equal(t, protocol.Current, hears[protocol.Welcome](d).Verdict)
		d.say(l.batch(1, 4))
		require.EqualValues(t, 3, hears[protocol.Ack](d).Applied)

		body := []byte("who may open")
		w.change(func(tx *store.Tx) error {
			if _, err := tx.AddCommand(ctx, fleet.Command{ID: "c-1", Device: station, Deadline: noon.Add(time.Hour), AskedAt: noon}); err != nil {
				return err
			}
			_, _, err := tx.SavePlan(ctx, station, l.incarnation.String(), map[string][]byte{"lock/f1": body}, noon)
			return err
		})
		w.wake <- struct{}{}
		m := hears[protocol.Manifest](d)
		require.Equal(t, "c-1", hears[protocol.Command](d).ID)
		if w.broker != nil {
			hears[protocol.Manifest](d) // and again, until it is answered
		}
		d.say(protocol.Want{Plan: m.Plan, Hashes: []protocol.Hash{m.Parts[0].Hash}})
		require.Equal(t, body, hears[protocol.Part](d).Body)
		l.add(protocol.PlanApplied{Plan: m.Plan}, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandDone})
		d.say(l.batch(4, 6))
		require.EqualValues(t, 5, hears[protocol.Ack](d).Applied)
		require.EqualValues(t, m.Plan, w.device().PlanActive)
	})
}

func TestLostConnectionMakesADeviceOffline(t *testing.T) {
	w := withEmbedded(t)
	l := newLog(protocol.Events)
	d := w.connect(t, station, &protocol.Gone{Incarnation: l.incarnation, Boot: 1, Session: 1})
	d.say(helloOf(l))
	hears[protocol.Welcome](d)
	require.Equal(t, fleet.Online, w.device().Presence())
	require.Equal(t, []string{station}, w.broker.Check(func(string, string) bool { return false }))
	require.Eventually(t, func() bool { return w.device().Presence() == fleet.Offline }, soon, time.Millisecond)
}

func TestHubConnectsAgain(t *testing.T) {
	w := withEmbedded(t)
	l := newLog(protocol.Events).scans(1)
	d := w.connect(t, station, nil)
	d.say(helloOf(l))
	hears[protocol.Welcome](d)
	require.NoError(t, (*w.line.Load()).Close())
	require.Eventually(t, func() bool { return w.mqtt.Stats().Connects.Load() == 2 && w.mqtt.Connected() }, soon, time.Millisecond)
	require.Equal(t, fleet.Unknown, w.device().Presence(), "nobody has seen who left meanwhile")
	d.say(l.batch(1, 2))
	require.EqualValues(t, 1, hears[protocol.Ack](d).Applied)
	require.Equal(t, fleet.Online, w.device().Presence())
}

func TestFloodingDeviceDoesNotStarveOthers(t *testing.T) {
	w := withEmbedded(t)
	w.addDevice("dev-2", "loc-2")
	flooder, honest := newLog(protocol.Events).scans(500), newLog(protocol.Events).scans(20)
	f, d := w.connect(t, station, nil), w.connect(t, "dev-2", nil)
	f.say(helloOf(flooder))
	d.say(helloOf(honest))
	hears[protocol.Welcome](f)
	hears[protocol.Welcome](d)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				f.say(flooder.batch(1, 501))
			}
		}
	})
	for n := uint64(1); n <= 20; n++ {
		// It says it again, as devices do: the broker drops what the hub's connection cannot take.
		for applied := uint64(0); applied < n; {
			d.say(honest.batch(n, n+1))
			applied = d.ackWithin(2 * time.Second).Applied
		}
	}
	close(stop)
	flood.Wait()
}
