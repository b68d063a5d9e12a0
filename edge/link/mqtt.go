package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"meguri/protocol"
)

// Times of the wire, real time.
const (
	dialTimeout    = 10 * time.Second
	connectTimeout = 15 * time.Second // dial, login and subscription
	writeTimeout   = 10 * time.Second
	keepAlive      = 15 * time.Second
	pingTimeout    = 10 * time.Second
	farewell       = 500 * time.Millisecond // for the last words of a clean end

	qos         = 1
	refused     = 0x80 // subscription, MQTT 3.1.1 section 3.9.3
	maxReceived = 64   // payloads that wait to be handled; a full queue stops reading from the connection
)

type dialFunc func(context.Context) (net.Conn, error)

// dialer gives the way to the broker that a configuration names: over TLS, unless the caller has a way of its own and no
// certificate.
func dialer(c Config) (dialFunc, error) {
	u, err := url.Parse(c.Broker)
	switch {
	case c.Dial != nil && c.TLS == nil:
		return c.Dial, nil
	case err != nil:
		return nil, fmt.Errorf("broker: %w", err)
	case u.Scheme != "tls" || u.Hostname() == "":
		return nil, fmt.Errorf("broker %q: want tls://HOST[:PORT]", c.Broker)
	case c.TLS == nil:
		return nil, errors.New("broker: want a certificate to log in with")
	}
	port := u.Port()
	if port == "" {
		port = "8883"
	}
	address := net.JoinHostPort(u.Hostname(), port)
	bare := c.Dial
	if bare == nil {
		d := &net.Dialer{Timeout: dialTimeout}
		bare = func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	config := c.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	return func(ctx context.Context) (net.Conn, error) { return dialTLS(ctx, bare, config) }, nil
}

// dialTLS knows the broker by its certificate when it returns. Whether the broker takes the device's is seen later.
func dialTLS(ctx context.Context, bare dialFunc, config *tls.Config) (net.Conn, error) {
	conn, err := bare(ctx)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS: %w", err), conn.Close())
	}
	return secure, nil
}

// mqttWire is a wire over paho, which is used for nothing but packets: no session, no reconnect, and no belief in its
// tokens, which have been seen to complete for messages that never went out.
type mqttWire struct {
	client mqtt.Client
	topic  string
	gone   []byte
	in     chan []byte

	ended chan struct{}
	end   sync.Once
}

// dialMQTT connects, logs in with a will and subscribes to the device's down topic.
func dialMQTT(ctx context.Context, c Config, dial dialFunc, will protocol.Gone) (*mqttWire, error) {
	gone, err := protocol.Encode(will)
	if err != nil {
		return nil, err
	}
	w := &mqttWire{topic: protocol.UpTopic(c.Device), gone: gone, in: make(chan []byte, maxReceived), ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	// Dialled here and not in paho, so that ctx ends it.
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	w.client = mqtt.NewClient(w.options(c, conn))
	err = wait(ctx, w.client.Connect())
	if err == nil {
		err = w.subscribe(ctx, protocol.DownTopic(c.Device))
	}
	if err != nil {
		_ = conn.Close() // ends whatever paho is waiting for
		w.client.Disconnect(0)
		w.finish()
		return nil, err
	}
	return w, nil
}

func (w *mqttWire) options(c Config, conn net.Conn) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions()
	o.AddBroker("tcp://device") // paho wants one; the connection is made already
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return conn, nil })
	o.SetProtocolVersion(4)
	o.SetClientID(c.Device).SetUsername(c.Device)
	o.SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false)
	o.SetConnectTimeout(connectTimeout).SetWriteTimeout(writeTimeout)
	o.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	o.SetOrderMatters(true)
	o.SetBinaryWill(w.topic, w.gone, qos, false)
	o.SetConnectionLostHandler(func(mqtt.Client, error) { w.finish() })
	return o
}

// subscribe asks for what the hub sends. The broker's refusal is no error of the token; it stands in its result.
func (w *mqttWire) subscribe(ctx context.Context, topic string) error {
	token := w.client.Subscribe(topic, qos, w.take)
	if err := wait(ctx, token); err != nil {
		return err
	}
	subscription, ok := token.(*mqtt.SubscribeToken)
	if !ok {
		return fmt.Errorf("subscribe to %s: no result", topic)
	}
	if granted, ok := subscription.Result()[topic]; !ok || granted == refused {
		return fmt.Errorf("broker refuses to let the device subscribe to %s", topic)
	}
	return nil
}

// take queues a message. A retained one is older than this connection and says nothing.
func (w *mqttWire) take(_ mqtt.Client, m mqtt.Message) {
	if m.Retained() {
		return
	}
	select {
	case w.in <- m.Payload():
	case <-w.ended:
	}
}

// Send is Wire's.
func (w *mqttWire) Send(payload []byte) error {
	token := w.client.Publish(w.topic, qos, false, payload)
	select {
	case <-token.Done():
		return token.Error()
	default:
		return nil // on its way, perhaps
	}
}

// Received is Wire's.
func (w *mqttWire) Received() <-chan []byte { return w.in }

// Lost is Wire's.
func (w *mqttWire) Lost() <-chan struct{} { return w.ended }

func (w *mqttWire) finish() { w.end.Do(func() { close(w.ended) }) }

// Close ends the connection. The broker does not publish the will of a client that takes its leave, so it is said here.
func (w *mqttWire) Close() {
	if w.client.IsConnectionOpen() {
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		_ = wait(ctx, w.client.Publish(w.topic, qos, false, w.gone))
		cancel()
	}
	w.finish()
	w.client.Disconnect(uint(farewell.Milliseconds()))
}

// wait waits for what a token stands for, or for ctx.
func wait(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errors.New("the broker does not answer")
		}
		return ctx.Err()
	}
}
