package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/broker"
	"meguri/hub/pki"
)

// loginWith is the return code of a login over TLS, -1 when TLS or the broker ended the connection.
func (s *server) loginWith(t testing.TB, user string, c *tls.Config) int {
	c.RootCAs = s.authority.Roots()
	conn, err := tls.Dial("tcp", s.address, c)
	if err != nil {
		return -1
	}
	defer func() { _ = conn.Close() }()
	return (&peer{t, conn}).connect(s.connectPacket(user))
}

func with(t testing.TB, i pki.Issued, err error) *tls.Config {
	require.NoError(t, err)
	pair, err := i.TLS()
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// selfSigned is a certificate for dev-1 that nobody else vouches for.
func selfSigned(t testing.TB) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: own}, URIs: []*url.URL{pki.DeviceURI(own)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestLoginNeedsTheOwnCurrentCertificate(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		now := time.Now()
		hour := func(from, to int) (pki.Issued, error) {
			return s.authority.Device(own, now.Add(time.Duration(from)*time.Hour), now.Add(time.Duration(to)*time.Hour))
		}
		require.Equal(t, 0, s.loginWith(t, own, with(t, s.issued[own], nil)))

		superseded := s.issued[own]
		renewed, err := hour(-1, 1)
		require.NoError(t, err)
		s.issued[own] = renewed
		if s.mosquitto != nil {
			s.mosquitto.Revoke(t, s.crl(t, superseded))
		}
		expired, err := hour(-2, -1)
		notYet, err2 := hour(1, 2)
		require.NoError(t, err2)
		stranger, err3 := pki.Open(t.TempDir())
		require.NoError(t, err3)
		wrongCA, err4 := stranger.Device(own, now.Add(-time.Hour), now.Add(time.Hour))
		forServers, err5 := s.authority.Broker([]string{own})
		old := with(t, renewed, nil)
		old.MaxVersion = tls.VersionTLS12
		for name, c := range map[string]*tls.Config{
			"superseded, the name is right": with(t, superseded, nil),
			"another device's":              with(t, s.issued[other], nil),
		} {
			code := s.loginWith(t, own, c)
			if name == "another device's" && s.mosquitto != nil {
				require.Equal(t, 0, code, "as that other device, whatever it calls itself")
				continue
			}
			require.NotEqual(t, 0, code, name)
		}
		anybody := s
		if s.broker != nil { // TLS has to do this alone
			anybody = (&server{authority: s.authority}).start(t, func(c *broker.Config) { c.Auth = func(string, string) bool { return true } })
		}
		for name, c := range map[string]*tls.Config{
			"expired":              with(t, expired, err),
			"not valid yet":        with(t, notYet, err2),
			"signed by another CA": with(t, wrongCA, err4),
			"self-signed":          selfSigned(t),
			"for servers only":     with(t, forServers, err5),
			"none":                 {},
			"TLS 1.2":              old,
		} {
			require.Equal(t, -1, anybody.loginWith(t, own, c), name)
		}
		require.Equal(t, 0, s.loginWith(t, own, with(t, renewed, nil)), "and the current one is good")
	})
}

func TestTheEmbeddedBrokerIsForDevicesOnly(t *testing.T) {
	s := embedded(t)
	hub, err := s.authority.Hub()
	require.Equal(t, -1, s.loginWith(t, broker.HubUser, with(t, hub, err)), "the hub is in the same process")
	require.NotEqual(t, 0, s.loginWith(t, own, with(t, hub, err)))
	require.EqualValues(t, 2, s.broker.Stats().Refused.Load())
}

func TestARevokedDeviceDoesNotComeBackByATicket(t *testing.T) {
	s := embedded(t)
	c := with(t, s.issued[own], nil)
	c.RootCAs, c.ClientSessionCache = s.authority.Roots(), tls.NewLRUClientSessionCache(8)
	for range 2 {
		conn, err := tls.Dial("tcp", s.address, c)
		require.NoError(t, err)
		require.Equal(t, 0, (&peer{t, conn}).connect(s.connectPacket(own)))
		require.False(t, conn.ConnectionState().DidResume, "each connection shows its certificate")
		require.NoError(t, conn.Close())
	}
}

func TestACheckEndsTheSessionsOfRevokedCertificates(t *testing.T) {
	s := embedded(t)
	hub, revoked, stays := s.loginHub(t), s.login(t, own), s.login(t, other)
	ended := s.broker.Check(func(device, fingerprint string) bool {
		require.Equal(t, s.issued[device].Fingerprint, fingerprint)
		return device != own
	})
	require.Equal(t, []string{own}, ended)
	require.True(t, revoked.closed())
	stays.send(publish("meguri/v1/"+other+"/up", "still here"))
	require.Empty(t, hub.received("still here"))
}

// A login that was judged before a revocation, and becomes a session only after the check that follows it.
func TestALoginThatACheckHasMissedIsJudgedAgain(t *testing.T) {
	var s *server
	var asked atomic.Int32
	s = newServer(t, "embedded", own).start(t, func(c *broker.Config) {
		c.Auth = func(string, string) bool {
			if asked.Add(1) > 1 {
				return false
			}
			s.broker.Check(func(string, string) bool { return false })
			return true // as it was a moment ago
		}
	})
	require.Equal(t, 5, s.dial(t, own).connect(s.connectPacket(own)))
	require.EqualValues(t, 2, asked.Load())
	require.Eventually(t, func() bool { return len(s.broker.Check(func(string, string) bool { return false })) == 0 }, wait, time.Millisecond, "there is no session")
	require.Zero(t, s.broker.Stats().Sessions.Load())
}

func TestASessionEndsWithItsCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bubble(t)
		ours, theirs := pipe(t)
		require.True(t, s.broker.AttachAs(theirs, broker.Peer{Device: own, Ends: time.Now().Add(time.Minute)}))
		p := &peer{t, ours}
		require.Equal(t, 0, p.connect(s.connectPacket(own)))
		start := time.Now()
		require.NoError(t, ours.SetReadDeadline(time.Time{}))
		_, err := ours.Read(make([]byte, 1))
		require.Error(t, err)
		require.Equal(t, time.Minute, time.Since(start))
	})
}
