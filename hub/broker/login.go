package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"meguri/protocol"
)

// refusal is why a peer was not logged in, with the return code of its CONNACK (MQTT 3.1.1, section 3.2.2.3); 0 is no
// answer at all.
type refusal struct {
	code   byte
	reason string
}

func (r *refusal) Error() string { return r.reason }

var (
	errVersion    = &refusal{1, "not MQTT 3.1.1"}
	errClientID   = &refusal{2, "the client id is not the user name"}
	errSession    = &refusal{2, "want a clean session"}
	errFull       = &refusal{3, "too many sessions"}
	errBusy       = &refusal{3, "an older session of this client does not end"}
	errCredential = &refusal{4, "unknown or revoked device, or wrong password"}
	errWill       = &refusal{5, "a will must go to the device's own topic, with QoS 0 or 1, not retained"}
	errGarbage    = &refusal{0, "the first packet is not a CONNECT of MQTT"}
)

// login reads the CONNECT of a peer and judges it before mochi sees anything; on success the bytes are kept for mochi.
func (b *Broker) login(c *conn) error {
	defer func() { <-b.pending }()
	if err := c.SetDeadline(time.Now().Add(loginTime)); err != nil {
		return err
	}
	err := b.judgeConnect(c)
	var r *refusal
	if errors.As(err, &r) && r.code != 0 {
		_, _ = c.Conn.Write([]byte{packets.Connack << 4, 2, 0, r.code}) // it may be gone, and is closed next
	}
	if err != nil {
		return err
	}
	return c.SetDeadline(time.Time{}) // from here on mochi sets it, by the keepalive
}

func (b *Broker) judgeConnect(c *conn) error {
	pk, err := readConnect(c)
	if err != nil {
		return err
	}
	if pk.ConnectValidate() != packets.CodeSuccess {
		return errGarbage
	}
	p := pk.Connect
	user := string(p.Username)
	c.id = user[:min(len(user), 2*protocol.MaxDeviceID)]
	switch {
	case !b.authentic(user, string(p.Password)):
		return errCredential
	case p.ClientIdentifier != user:
		return errClientID
	case !p.Clean:
		return errSession
	case p.WillFlag && (p.WillTopic != protocol.UpTopic(user) || p.WillQos > 1 || p.WillRetain):
		return errWill
	}
	return b.takeOver(c)
}

// readConnect reads one CONNECT of MQTT 3.1.1, and keeps its bytes in c.replay.
func readConnect(c *conn) (pk packets.Packet, err error) {
	var first [1]byte
	if _, err := io.ReadFull(c.Conn, first[:]); err != nil {
		return pk, err
	}
	raw := []byte{first[0]}
	if first[0] != packets.Connect<<4 {
		return pk, errGarbage
	}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return pk, errGarbage
		}
		if _, err := io.ReadFull(c.Conn, first[:]); err != nil {
			return pk, err
		}
		raw = append(raw, first[0])
		length |= int(first[0]&0x7f) << shift
		if first[0]&0x80 == 0 {
			break
		}
	}
	if length > loginBytes {
		return pk, &refusal{0, fmt.Sprintf("a CONNECT of %d bytes: at most %d", length, loginBytes)}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return pk, err
	}
	// The version comes first: what other versions put behind it is not even decoded.
	switch version := string(body[:min(len(body), 7)]); {
	case version == "\x00\x04MQTT\x04":
	case len(version) == 7 && version[:6] == "\x00\x04MQTT", version == "\x00\x06MQIsd":
		return pk, errVersion
	default:
		return pk, errGarbage
	}
	pk.FixedHeader = packets.FixedHeader{Type: packets.Connect, Remaining: length}
	if err := pk.ConnectDecode(body); err != nil {
		return pk, errGarbage
	}
	c.replay = append(raw, body...)
	return pk, nil
}

// conn is a connection with what we know of the peer. Reading starts with the CONNECT that was read before.
type conn struct {
	net.Conn
	remote string
	id     string       // client id, of a peer that is logged in; before that what it claims
	client *mqtt.Client // mochi's, once there is one
	done   chan struct{}
	pace   pace

	replay []byte
	once   sync.Once
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
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Close closes the connection once.
func (c *conn) Close() (err error) {
	c.once.Do(func() { err = c.Conn.Close() })
	return err
}
