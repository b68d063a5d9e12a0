package e2e

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/app"
	"meguri/hub/pki"
	"meguri/protocol"
)

// tap stands between a fleet and the hub's broker and keeps every MQTT packet, as somebody who is subscribed to everything would have
// it, and more. It shows devices a certificate of the hub's authority, and the broker the device's own.
type tap struct {
	data   string // of the demo
	broker string
	listen net.Listener
	// certificate is what it shows to devices.
	certificate func() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error)

	mu      sync.Mutex
	kept    []output
	wrong   error
	running sync.WaitGroup
	open    map[net.Conn]bool
	closed  bool
}

func newTap(t *testing.T, data, broker string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &tap{data: data, broker: broker, listen: l, open: map[net.Conn]bool{}}
	p.certificate = sync.OnceValues(func() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
		authority, err := pki.Open(filepath.Join(data, "pki"))
		if err != nil {
			return nil, err
		}
		return authority.BrokerCertificate([]string{"127.0.0.1"})
	})
	p.running.Go(p.serve)
	t.Cleanup(func() {
		p.close()
		require.NoError(t, p.wrong)
	})
	return p
}

func (p *tap) close() {
	_ = p.listen.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *tap) serve() {
	for {
		c, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			if err := p.between(c); err != nil {
				p.mu.Lock()
				p.wrong = errors.Join(p.wrong, err)
				p.mu.Unlock()
			}
		})
	}
}

// hold keeps a connection to be closed; false when the tap is closed.
func (p *tap) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	return !p.closed
}

// between passes packets on until either side ends. What goes wrong with a connection itself is nothing to say: fleets are cut off.
func (p *tap) between(device net.Conn) error {
	defer func() { _ = device.Close() }()
	certificate, err := p.certificate() // the authority is there as soon as a device has a certificate
	if err != nil {
		return err
	}
	near := tls.Server(device, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: certificate, ClientAuth: tls.RequireAnyClientCert})
	if !p.hold(device) {
		return nil
	}
	if near.Handshake() != nil {
		return nil
	}
	id, err := pki.DeviceOf(near.ConnectionState().PeerCertificates[0])
	if err != nil {
		return err
	}
	secure, err := identityOf(p.data, id).TLS(id)
	if err != nil {
		return err
	}
	secure.ServerName = "127.0.0.1"
	raw, err := net.Dial("tcp", p.broker)
	if err != nil {
		return nil // it may have stopped
	}
	defer func() { _ = raw.Close() }()
	far := tls.Client(raw, secure)
	if !p.hold(raw) {
		return nil
	}
	if far.Handshake() != nil {
		return nil
	}
	var ways sync.WaitGroup
	for _, way := range []struct {
		name     string
		from, to net.Conn
	}{{id + " to the hub", near, far}, {"the hub to " + id, far, near}} {
		ways.Go(func() {
			p.pass(way.name, bufio.NewReader(way.from), way.to)
			_, _ = device.Close(), raw.Close()
		})
	}
	ways.Wait()
	return nil
}

func identityOf(data, device string) app.Identity {
	file := filepath.Join(data, "certificates", device)
	return app.Identity{Certificate: file + ".pem", Key: file + ".key", CA: filepath.Join(data, "certificates", pki.CAFile)}
}

// pass passes packets on one way, and keeps each with what is packed in it.
func (p *tap) pass(name string, from *bufio.Reader, to io.Writer) {
	for {
		packet, body, err := readPacket(from)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.kept = append(p.kept, output{"mqtt", name, unpacked(packet, body)})
		p.mu.Unlock()
		if _, err := to.Write(packet); err != nil {
			return
		}
	}
}

// mostPacket bounds a packet in bytes.
const mostPacket = 4 << 20

// readPacket reads an MQTT control packet (MQTT 3.1.1, section 2); body is what comes after the fixed header.
func readPacket(r *bufio.Reader) (packet, body []byte, err error) {
	kind, err := r.ReadByte()
	if err != nil {
		return nil, nil, err
	}
	packet = []byte{kind}
	length := 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return nil, nil, err
		}
		packet = append(packet, b)
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift == 21 {
			return nil, nil, errors.New("remaining length of more than four bytes")
		}
	}
	if length > mostPacket {
		return nil, nil, fmt.Errorf("packet of %d bytes", length)
	}
	head := len(packet)
	packet = append(packet, make([]byte, length)...)
	if _, err := io.ReadFull(r, packet[head:]); err != nil {
		return nil, nil, err
	}
	return packet, packet[head:], nil
}

// unpacked is a packet with its message once more as it is before it is packed.
func unpacked(packet, body []byte) []byte {
	const publish = 3
	if packet[0]>>4 != publish || len(body) < 2 {
		return packet
	}
	payload := 2 + int(body[0])<<8 + int(body[1]) // after the topic
	if packet[0]&0x06 != 0 {                      // QoS 1 and 2 have an id
		payload += 2
	}
	if payload > len(body) {
		return packet
	}
	m, err := protocol.Decode(body[payload:])
	if err != nil {
		return packet
	}
	plain, err := protocol.Encode(m)
	if err != nil {
		return packet
	}
	return append(append([]byte{}, packet...), plain...)
}

// packets are those so far.
func (p *tap) packets() []output {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]output{}, p.kept...)
}

// A batch is deflated on its way; what is in it is searched all the same.
func TestTheTapSeesWhatIsPacked(t *testing.T) {
	text := strings.Repeat("nothing here ", 50) + "天沢 朔太"
	b, err := protocol.Batch{Log: protocol.Events, First: 1, Records: [][]byte{[]byte(text), []byte(text)}}.Pack()
	require.NoError(t, err)
	require.NotNil(t, b.Packed)
	payload, err := protocol.Encode(b)
	require.NoError(t, err)
	topic := protocol.UpTopic("x")
	body := append(append([]byte{0, byte(len(topic))}, topic...), append([]byte{0, 1}, payload...)...)
	var n needles
	n.add(customers, "天沢 朔太")
	require.Empty(t, n.find(output{data: body}))
	packet, rest, err := readPacket(bufio.NewReader(strings.NewReader(string(append([]byte{0x32, byte(len(body)&0x7f | 0x80), byte(len(body) >> 7)}, body...)))))
	require.NoError(t, err)
	require.NotEmpty(t, n.find(output{data: unpacked(packet, rest)}))
}
