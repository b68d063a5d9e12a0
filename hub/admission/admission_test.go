package admission_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"meguri/hub/admission"
	"meguri/hub/broker"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

const device = "dev-1"

// door is a broker with a gate, as one hub has them.
type door struct {
	*admission.Gate
	t         testing.TB
	store     *store.Store
	broker    *broker.Broker
	authority *pki.Authority
}

func newDoor(t testing.TB, url string, authority *pki.Authority) *door {
	d := &door{t: t, store: storetest.Open(t, url), authority: authority}
	d.Gate = admission.New(admission.Config{Store: d.store, Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)})
	certificate, err := authority.BrokerCertificate([]string{"127.0.0.1"})
	require.NoError(t, err)
	d.broker = broker.New(broker.Config{Certificate: certificate, CA: authority.Roots(), Auth: d.Auth, TwoPlaces: d.TwoPlaces,
		Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, d.broker.Listen("127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { require.ErrorIs(t, d.Watch(ctx, d.broker, authority), context.Canceled) })
	t.Cleanup(func() {
		cancel()
		watching.Wait()
		require.NoError(t, d.broker.Close())
	})
	return d
}

func authority(t testing.TB) *pki.Authority {
	a, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	return a
}

func (d *door) change(fn func(context.Context, *store.Tx) error) {
	d.t.Helper()
	require.NoError(d.t, d.store.Change(d.t.Context(), func(tx *store.Tx) error { return fn(d.t.Context(), tx) }))
}

func (d *door) add(id string) {
	d.t.Helper()
	d.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AddDevice(ctx, fleet.Device{ID: id, Place: "loc-1", Role: fleet.Station, AddedAt: time.Now(), AddedBy: "test"})
	})
}

func (d *door) issue(id string) pki.Issued {
	d.t.Helper()
	from, to := d.authority.Validity(time.Hour)
	i, err := d.authority.Device(id, from, to)
	require.NoError(d.t, err)
	d.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.AddCertificate(ctx, fleet.Certificate{Device: id, Fingerprint: i.Fingerprint, Serial: i.Serial, IssuedAt: from, EndsAt: to})
	})
	return i
}

// connect logs a device in over TLS; lost is closed when its session ends.
func (d *door) connect(id string, i pki.Issued) (lost chan struct{}, err error) {
	pair, err := i.TLS()
	require.NoError(d.t, err)
	lost = make(chan struct{})
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tls://" + d.broker.Addr().String()).SetClientID(id).
		SetTLSConfig(&tls.Config{RootCAs: d.authority.Roots(), Certificates: []tls.Certificate{pair}}).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	token := c.Connect()
	require.True(d.t, token.WaitTimeout(10*time.Second))
	d.t.Cleanup(func() { c.Disconnect(0) })
	return lost, token.Error()
}

// endsWithinTwoSeconds waits for the end of a session.
func endsWithinTwoSeconds(t testing.TB, lost chan struct{}) {
	t.Helper()
	select {
	case <-lost:
	case <-time.After(2 * time.Second):
		require.FailNow(t, "the session goes on")
	}
}

func TestARevokedCertificateIsCutWithinTwoSeconds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, a := empty(), authority(t)
		first, second := newDoor(t, url, a), newDoor(t, url, a) // two hubs on one database
		first.add(device)
		first.add("dev-2")
		stays, err := first.connect("dev-2", first.issue("dev-2"))
		require.NoError(t, err)
		i := first.issue(device)
		lost, err := second.connect(device, i)
		require.NoError(t, err)
		first.change(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeDevice(ctx, device, time.Now()) })
		endsWithinTwoSeconds(t, lost)
		for _, d := range []*door{first, second} {
			_, err = d.connect(device, i)
			require.ErrorContains(t, err, "Authorized")
		}
		select {
		case <-stays:
			require.Fail(t, "nobody else is cut")
		default:
		}
	})
}

func revokedIn(t testing.TB, text []byte) []x509.RevocationListEntry {
	block, _ := pem.Decode(text)
	list, err := x509.ParseRevocationList(block.Bytes)
	require.NoError(t, err)
	return list.RevokedCertificateEntries
}

func TestTheFirstUseOfARenewedCertificateEndsTheOneBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, a := empty(), authority(t)
		first, second := newDoor(t, url, a), newDoor(t, url, a)
		first.add(device)
		old := first.issue(device)
		never, renewed := first.issue(device), first.issue(device)
		lost, err := first.connect(device, old)
		require.NoError(t, err, "until the new one is used, the old one is good")
		_, err = second.connect(device, never)
		require.Error(t, err, "a renewal that was renewed before its first use")
		_, err = second.connect(device, renewed)
		require.NoError(t, err)
		endsWithinTwoSeconds(t, lost)
		_, err = first.connect(device, old)
		require.Error(t, err)
		require.Eventually(t, func() bool { // the list for other brokers has both
			text, err := os.ReadFile(a.CRLPath())
			return err == nil && len(revokedIn(t, text)) == 2
		}, 5*time.Second, 10*time.Millisecond)
	})
}

func TestACertificateInTwoPlacesIsWorkForAPerson(t *testing.T) {
	d := newDoor(t, storetest.SQLite(t), authority(t))
	for range 3 { // hours of it are one piece of work
		d.TwoPlaces(broker.TwoPlaces{Device: device, Addresses: []string{"10.0.0.1", "10.0.0.2"}, Moves: 4})
	}
	d.change(func(ctx context.Context, tx *store.Tx) error {
		work, err := tx.WorkCounts(ctx)
		require.Len(t, work, 1)
		require.Equal(t, "two_places", work[0].Kind)
		require.Equal(t, 1, work[0].Items)
		return err
	})
}

func TestWithoutADatabaseNobodyIsLetIn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	gate := admission.New(admission.Config{Store: s, Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)})
	require.False(t, gate.Auth("nobody", "x"))
	require.NoError(t, s.Close())
	require.False(t, gate.Auth(device, "x"))
	gate.TwoPlaces(broker.TwoPlaces{Device: device})
}
