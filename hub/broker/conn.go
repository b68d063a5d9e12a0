package broker

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// conn is a connection with what we know of the peer. Reading starts with the CONNECT that was read before.
type conn struct {
	net.Conn              // what MQTT is spoken on
	bare     *bare        // beneath TLS
	secure   *tls.Conn    // nil without TLS
	peer     Peer         // known from the handshake on
	id       string       // client id, of a peer that is logged in
	remote   string       // address
	began    time.Time    // when it was accepted
	heard    atomic.Int64 // when it sent a packet last, Unix nanoseconds
	denied   atomic.Bool  // it has sent what it may not, and that is told
	taken    bool         // another session takes its place; of Broker.mu
	done     chan struct{}
	pace     pace
	waits    *list.Element // among those that are not logged in; of Broker.mu

	will   *packets.Packet // as it is published
	client *mqtt.Client    // mochi's, once there is one
	replay []byte
	once   sync.Once
}

func newConn(peer net.Conn) *conn {
	b := &bare{Conn: peer, left: loginBytes}
	return &conn{Conn: b, bare: b, remote: peer.RemoteAddr().String(), began: time.Now(), done: make(chan struct{})}
}

// Read gives the kept bytes first.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.replay) > 0 {
		n := copy(p, c.replay)
		if c.replay = c.replay[n:]; len(c.replay) == 0 {
			c.replay = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// Write ends the connection when the peer does not read: mochi would write on behind a packet sent by half, and hold locks
// that other clients' messages wait for.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Close cuts the connection, once. It does not take leave as TLS would, for which a peer that does not read has to be waited.
func (c *conn) Close() (err error) {
	c.once.Do(func() { err = c.bare.Close() })
	return err
}

var errTooMuch = errors.New("more than 16 KiB before the login")

// bare is the connection beneath TLS. It gives so many bytes only until the peer is logged in. Until then one goroutine uses it.
type bare struct {
	net.Conn
	left  int           // -1 for any number
	hands chan struct{} // of Broker, while the handshake computes
}

// compute waits for its turn to compute what a ClientHello asks for: of a fleet that comes back at once as many do as there are
// processors, and live sessions need not wait behind thousands. The turn ends with the first answer, or with the handshake, so
// that nobody has it while it waits for the peer.
func (b *bare) compute(hands chan struct{}) {
	hands <- struct{}{}
	b.hands = hands
}

func (b *bare) computed() {
	if b.hands != nil {
		<-b.hands
		b.hands = nil
	}
}

func (b *bare) Write(p []byte) (int, error) {
	if b.hands != nil {
		b.computed()
	}
	return b.Conn.Write(p)
}

func (b *bare) Read(p []byte) (int, error) {
	if b.left < 0 {
		return b.Conn.Read(p)
	}
	if b.left == 0 && len(p) > 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
