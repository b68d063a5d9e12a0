package app_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"meguri/hub/app"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

// storm is a hub with many devices that have just lost their connections.
type storm struct {
	b         *testing.B
	authority *pki.Authority
	broker    string
	configs   []*tls.Config
}

const (
	stormDevices = 500
	stormAtOnce  = 64 // of them in the middle of connecting
)

func deviceName(i int) string { return fmt.Sprintf("dev-%d", i) }

func newStorm(b *testing.B) *storm {
	s := &storm{b: b}
	dir, url := filepath.Join(b.TempDir(), "pki"), storetest.SQLite(b)
	var err error
	s.authority, err = pki.Open(dir)
	require.NoError(b, err)
	db := storetest.Open(b, url)
	require.NoError(b, db.Change(b.Context(), func(tx *store.Tx) error {
		s.configs = nil
		for i := range stormDevices {
			d := fleet.Device{ID: deviceName(i), Place: fmt.Sprintf("loc-%d", i), Role: fleet.Station, AddedAt: time.Now()}
			from, to := s.authority.Validity(time.Hour)
			issued, err := s.authority.Device(d.ID, from, to)
			if err != nil {
				return err
			}
			pair, err := issued.TLS()
			s.configs = append(s.configs, &tls.Config{RootCAs: s.authority.Roots(), Certificates: []tls.Certificate{pair}})
			if err := errors.Join(err, tx.AddDevice(b.Context(), d), tx.AddCertificate(b.Context(), fleet.Certificate{Device: d.ID,
				Fingerprint: issued.Fingerprint, Serial: issued.Serial, IssuedAt: from, EndsAt: to})); err != nil {
				return err
			}
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, app.Config{Database: url, PKI: dir, HTTP: "127.0.0.1:0", Broker: "127.0.0.1:0", Clock: clock.Real(), Zone: time.UTC,
			Logger: slog.New(slog.DiscardHandler), Ready: func(_, broker net.Addr) { ready <- broker.String() }})
	}()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	s.broker = <-ready
	return s
}

// rates sums up rounds of the fleet.
type rates struct {
	rounds int
	rate   float64       // devices a second, summed
	used   time.Duration // of the processors, by the fleet and the hub
}

func (r *rates) mean() float64 { return r.rate / float64(r.rounds) }

// cost is the processor time of one device.
func (r *rates) cost() float64 {
	return float64(r.used.Microseconds()) / float64(r.rounds) / stormDevices
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run has all devices do something, so many at once, and adds how many a second have done it.
func (s *storm) run(to *rates, do func(i int) error) {
	start, before := time.Now(), processTime(s.b)
	var next atomic.Int64
	var all sync.WaitGroup
	for range stormAtOnce {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= stormDevices {
					return
				}
				if err := do(i); err != nil {
					s.b.Error(err)
				}
			}
		})
	}
	all.Wait()
	to.rounds++
	to.rate += stormDevices / time.Since(start).Seconds()
	to.used += processTime(s.b) - before
}

// bare accepts connections, does TLS as the broker does it, and nothing else.
func (s *storm) bare() (address string) {
	certificate, err := s.authority.BrokerCertificate([]string{"127.0.0.1"})
	require.NoError(s.b, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: certificate,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.authority.Roots(), SessionTicketsDisabled: true})
	require.NoError(s.b, err)
	s.b.Cleanup(func() { require.NoError(s.b, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = c.Write([]byte{0}) // after the handshake
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// join connects a device as an agent does, up to the hub's welcome.
func (s *storm) join(i int, conns []net.Conn) error {
	c, err := tls.Dial("tcp", s.broker, s.configs[i])
	if err != nil {
		return err
	}
	conns[i] = c
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.CleanSession, connect.Keepalive = "MQTT", 4, true, 60
	connect.ClientIdentifier = deviceName(i)
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.MessageID, subscribe.Topics, subscribe.Qoss = 1, []string{protocol.DownTopic(deviceName(i))}, []byte{1}
	hello, err := protocol.Encode(protocol.Hello{Incarnation: protocol.Incarnation{1, byte(i), byte(i >> 8)}, Boot: 1, Session: 1, Nonce: 7, Software: "storm",
		Logs: []protocol.Position{{Log: protocol.Events, First: 1, Next: 1}, {Log: protocol.Readings, First: 1, Next: 1}}})
	if err != nil {
		return err
	}
	greet := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	greet.TopicName, greet.Payload, greet.Qos, greet.MessageID = protocol.UpTopic(deviceName(i)), hello, 1, 2
	for _, p := range []packets.ControlPacket{connect, subscribe, greet} {
		if err := errors.Join(p.Write(c), await(c, p)); err != nil {
			return err
		}
	}
	return nil
}

// await reads until what a packet asks for has come: CONNACK, SUBACK, or the welcome.
func await(c net.Conn, asked packets.ControlPacket) error {
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return err
		}
		switch p := p.(type) {
		case *packets.ConnackPacket:
			if p.ReturnCode != 0 {
				return fmt.Errorf("CONNACK: %d", p.ReturnCode)
			}
			return nil
		case *packets.SubackPacket:
			return nil
		case *packets.PublishPacket:
			if m, err := protocol.Decode(p.Payload); err == nil {
				if _, ok := m.(protocol.Welcome); ok {
					return nil
				}
			}
		}
	}
}

// BenchmarkReconnectStorm has a fleet come back at once: handshake, CONNECT, subscription, hello and welcome, on a hub with
// SQLite; and compares with bare mTLS handshakes of the same fleet, in turns. ratio is of the rates, cpu-ratio of the processor
// time of both ends: on a machine that does something else besides it says more. Resuming TLS sessions was tried: its tickets
// cost about what they spare (a cpu-ratio of 0.72 in place of 0.71).
func BenchmarkReconnectStorm(b *testing.B) {
	s := newStorm(b)
	address := s.bare()
	var fleet, bare rates
	for range b.N {
		for range 4 {
			s.run(&bare, func(i int) error {
				c, err := tls.Dial("tcp", address, s.configs[i])
				if err != nil {
					return err
				}
				_, err = c.Read(make([]byte, 1))
				return errors.Join(err, c.Close())
			})
			conns := make([]net.Conn, stormDevices)
			s.run(&fleet, func(i int) error { return s.join(i, conns) })
			for _, c := range conns {
				_ = c.Close()
			}
		}
	}
	b.ReportMetric(fleet.mean(), "devices/s")
	b.ReportMetric(bare.mean(), "handshakes/s")
	b.ReportMetric(fleet.mean()/bare.mean(), "ratio")
	b.ReportMetric(bare.cost()/fleet.cost(), "cpu-ratio")
	b.ReportMetric(fleet.cost(), "cpu-µs/device")
}
