package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"meguri/protocol"
)

// Bounds on the network, in the machine's own time.
const (
	connectTimeout = 10 * time.Second
	keepAlive      = 30 * time.Second
	firstPause     = 200 * time.Millisecond // before connecting again; the longest doubles up to maxPause
	maxPause       = 10 * time.Second
)

// MQTTConfig is what the hub's side of a broker needs. Dial, TLS and Wake may be nil.
type MQTTConfig struct {
	Receiver *Receiver
	URL      string // of the broker: "tcp://HOST:PORT" or "ssl://HOST:PORT"; with Dial only a name
	User     string
	Dial     func(ctx context.Context) (net.Conn, error) // in place of URL
	TLS      *tls.Config
	Wake     <-chan struct{} // something new may be owed to devices
	Look     time.Duration   // how often to look for what is owed when nobody wakes it; 0 is a second
	Logger   *slog.Logger
}

// MQTT joins a Server to a broker. MQTT's own promises are not used: all is QoS 0 on this side, for a device says again what
// is not acknowledged, and the hub what is not answered.
type MQTT struct {
	config MQTTConfig
	server *Server
	client atomic.Pointer[paho.Client]
	stats  MQTTStats
}

// MQTTStats counts what passed.
type MQTTStats struct {
	Unsent   atomic.Int64 // messages to devices, for want of a connection
	Connects atomic.Int64 // to the broker
}

// NewMQTT makes the hub's side of a broker; Run does the work.
func NewMQTT(c MQTTConfig) *MQTT {
	m := &MQTT{config: c}
	m.server = NewServer(ServerConfig{Receiver: c.Receiver, Send: m.publish, Wake: c.Wake, Look: c.Look, Logger: c.Logger})
	return m
}

// Stats gives the live counters.
func (m *MQTT) Stats() *MQTTStats { return &m.stats }

// Server is the hub's end of the devices behind the broker.
func (m *MQTT) Server() *Server { return m.server }

// Connected says whether devices are heard.
func (m *MQTT) Connected() bool { return m.client.Load() != nil }

// Run stays connected and handles messages until ctx ends, then returns its error.
func (m *MQTT) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { _ = m.server.Run(ctx) }) // it ends with ctx only
	pause := firstPause
	for ctx.Err() == nil {
		up := time.Now()
		err := m.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(up) > maxPause {
			pause = firstPause
		}
		m.config.Logger.Warn("no connection to the MQTT broker, trying again", "url", redacted(m.config.URL), "error", err)
		wait(ctx, rand.N(pause)) // full jitter
		pause = min(2*pause, maxPause)
	}
	all.Wait()
	return ctx.Err()
}

// redacted is a URL without what may be secret in it.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// session is one connection, from the beginning until it is lost.
func (m *MQTT) session(ctx context.Context) error {
	lost := make(chan error, 1)
	client := paho.NewClient(m.options(ctx, lost))
	defer client.Disconnect(100) // milliseconds
	if err := result(ctx, client.Connect()); err != nil {
		return err
	}
	if err := m.config.Receiver.Listen(ctx); err != nil {
		return err
	}
	subscribed := client.Subscribe(protocol.UpFilter, 0, m.receive).(*paho.SubscribeToken)
	if err := result(ctx, subscribed); err != nil {
		return err
	}
	// The token has no error when the broker refuses.
	if code, ok := subscribed.Result()[protocol.UpFilter]; !ok || code >= 0x80 {
		return fmt.Errorf("the broker does not let %s subscribe %s", m.config.User, protocol.UpFilter)
	}
	m.client.Store(&client)
	defer m.client.Store(nil)
	m.stats.Connects.Add(1)
	m.config.Logger.Info("connected to the MQTT broker", "url", redacted(m.config.URL))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-lost:
		return err
	}
}

func (m *MQTT) options(ctx context.Context, lost chan<- error) *paho.ClientOptions {
	o := paho.NewClientOptions().AddBroker(m.config.URL).
		SetClientID(m.config.User).SetUsername(m.config.User).
		SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(connectTimeout).
		SetKeepAlive(keepAlive).SetPingTimeout(connectTimeout).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			select {
			case lost <- err:
			default:
			}
		})
	if m.config.TLS != nil {
		o.SetTLSConfig(m.config.TLS)
	}
	if m.config.Dial != nil {
		o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return m.config.Dial(ctx) })
	}
	return o
}

// result waits for a token, in bounds.
func result(ctx context.Context, t paho.Token) error {
	timeout := time.NewTimer(connectTimeout + time.Second) // paho's own comes first, with a better reason
	defer timeout.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errors.New("the broker does not answer")
	}
}

// receive puts a message in its device's lane. It must not wait: paho reads nothing meanwhile.
func (m *MQTT) receive(_ paho.Client, msg paho.Message) {
	device, err := protocol.ParseUpTopic(msg.Topic())
	if err != nil || msg.Retained() {
		return
	}
	m.server.Receive(device, msg.Payload())
}

// publish sends without waiting for the token: at QoS 0 it says nothing about the device.
func (m *MQTT) publish(device string, payload []byte) {
	client := m.client.Load()
	if client == nil {
		m.stats.Unsent.Add(1)
		return
	}
	(*client).Publish(protocol.DownTopic(device), 0, false, payload)
}
