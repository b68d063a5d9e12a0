package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"meguri/hub/pki"
	"meguri/protocol"
)

// refusal is why a peer was not logged in, with the return code of its CONNACK (MQTT 3.1.1, section 3.2.2.3); 0 is no
// answer at all.
type refusal struct {
	code   byte
	what   string // its kind, in the log
	reason string
}

func (r *refusal) Error() string { return r.reason }

// whatOf names the kind of a failed login.
func whatOf(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.what
	}
	return "login"
}

var (
	errVersion  = &refusal{1, "login", "not MQTT 3.1.1"}
	errClientID = &refusal{2, "client id", "the client id is not the certificate's device"}
	errUserName = &refusal{4, "client id", "the user name is not the certificate's device"}
	errSession  = &refusal{2, "login", "want a clean session"}
	errFull     = &refusal{3, "login", "too many sessions"}
	errBusy     = &refusal{3, "login", "an older session of this client does not end"}
	errRevoked  = &refusal{5, "certificate", "the device is unknown or revoked, or this is not its current certificate"}
	errWill     = &refusal{5, "will", "a will must go to the device's own topic, with QoS 0 or 1, not retained"}
	errGarbage  = &refusal{0, "login", "the first packet is not a CONNECT of MQTT"}
)

// login learns who the peer is, reads its CONNECT and judges it before mochi sees anything; on success the bytes are kept for
// mochi. All of it has one deadline and one number of bytes.
func (b *Broker) login(c *conn) error {
	defer b.loggedIn(c)
	if err := c.SetDeadline(c.began.Add(loginTime)); err != nil {
		return err
	}
	if c.secure != nil {
		if err := c.handshake(); err != nil {
			return err
		}
	}
	err := b.judgeConnect(c)
	var r *refusal
	if errors.As(err, &r) && r.code != 0 {
		_, _ = c.Conn.Write([]byte{packets.Connack << 4, 2, 0, r.code}) // it may be gone, and is closed next
	}
	if err != nil {
		return err
	}
	c.bare.left = -1
	return c.SetDeadline(time.Time{}) // from here on mochi sets it, by the keepalive
}

// handshake learns who the peer is from its certificate, of which TLS checks chain, purpose and time.
func (c *conn) handshake() error {
	defer c.bare.computed()
	if err := c.secure.HandshakeContext(context.Background()); err != nil { // which ends by the deadline
		return &refusal{0, "certificate", "TLS: " + err.Error()}
	}
	leaf := c.secure.ConnectionState().PeerCertificates[0]
	device, err := pki.DeviceOf(leaf)
	if err != nil {
		return &refusal{0, "certificate", err.Error()}
	}
	c.peer = Peer{Device: device, Fingerprint: pki.Fingerprint(leaf), Ends: leaf.NotAfter}
	return nil
}

func (b *Broker) judgeConnect(c *conn) error {
	pk, err := readConnect(c)
	if err != nil {
		return err
	}
	if pk.ConnectValidate() != packets.CodeSuccess {
		return errGarbage
	}
	p, device := pk.Connect, c.peer.Device
	switch {
	case p.ClientIdentifier != device:
		return errClientID
	case p.UsernameFlag && string(p.Username) != device:
		return errUserName
	case !p.Clean:
		return errSession
	case p.WillFlag && (p.WillTopic != protocol.UpTopic(device) || p.WillQos > 1 || p.WillRetain):
		return errWill
	}
	if p.WillFlag {
		c.will = &packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: p.WillQos}, TopicName: p.WillTopic,
			Payload: p.WillPayload, PacketID: 1}
	}
	checks := b.checks.Load()
	if !b.authentic(c.peer) {
		return errRevoked
	}
	c.id = device
	c.heard.Store(time.Now().UnixNano())
	if err := b.takeOver(c); err != nil {
		return err
	}
	// A check that came in between has not seen this session.
	if b.checks.Load() != checks && !b.authentic(c.peer) {
		return errRevoked
	}
	return nil
}

func (b *Broker) authentic(p Peer) bool {
	return p.Device == HubUser || b.config.Auth(p.Device, p.Fingerprint)
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
		return pk, &refusal{0, "login", fmt.Sprintf("a CONNECT of %d bytes: at most %d", length, loginBytes)}
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
