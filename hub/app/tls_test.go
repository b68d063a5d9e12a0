package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/storetest"
)

// shown is the certificate that a connection is shown.
func shown(t *testing.T, address string, config *tls.Config) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", address, config)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

func TestANewCertificateIsUsedWithoutARestartAndABrokenOneIsNot(t *testing.T) {
	var log bytes.Buffer
	cert, key, roots := certificates(t)
	k, err := certificate(Config{TLSCert: cert, TLSKey: key, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", k.config())
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake()
				_ = c.Close()
			}()
		}
	}()
	address := l.Addr().String()
	first := shown(t, address, &tls.Config{RootCAs: roots})

	k.renew()
	require.Empty(t, log.String(), "nothing has changed")

	otherCert, otherKey, otherRoots := certificates(t)
	put := func(from, to string) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	put(otherCert, cert) // whoever renews it is half done
	k.renew()
	k.renew()
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "it is said once: %s", log.String())
	require.Contains(t, log.String(), "goes on with the former")
	require.Contains(t, log.String(), cert)
	require.Equal(t, first, shown(t, address, &tls.Config{RootCAs: roots}))

	put(otherKey, key)
	k.renew()
	require.Contains(t, log.String(), "HTTPS uses a new certificate")
	require.NotEqual(t, first, shown(t, address, &tls.Config{RootCAs: otherRoots}))

	log.Reset()
	require.NoError(t, os.Remove(key))
	k.renew()
	k.renew()
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
	shown(t, address, &tls.Config{RootCAs: otherRoots})
}

func TestHTTPSTakesNeitherOldProtocolsNorWeakCiphersAndTellsBrowsersToStay(t *testing.T) {
	c := config(t, storetest.SQLite(t))
	var roots *x509.CertPool
	c.TLSCert, c.TLSKey, roots = certificates(t)
	h := start(t, c)
	address := h.http.String()
	for _, old := range []*tls.Config{
		{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		{RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		_, err := tls.Dial("tcp", address, old)
		require.Error(t, err)
	}
	shown(t, address, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12})
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("https://" + address + "/healthz")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, "max-age=31536000", r.Header.Get("Strict-Transport-Security"))
	h.end()

	plain := start(t, config(t, storetest.SQLite(t)))
	r, err = http.Get("http://" + plain.http.String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Empty(t, r.Header.Get("Strict-Transport-Security"), "anybody could have written it")
	plain.end()
}

// from dials from another address of loopback.
func from(t *testing.T, own, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(own)}, Timeout: 10 * time.Second}).Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answers says whether a connection is held by the hub, which answers on it, or was closed.
func answers(t *testing.T, c net.Conn) bool {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	head := make([]byte, 12)
	_, err := io.ReadFull(c, head)
	return err == nil && string(head) == "HTTP/1.1 200"
}

func TestOneAddressHoldsSoManyConnectionsAndOthersAreServed(t *testing.T) {
	c := config(t, storetest.SQLite(t))
	c.MaxConnections, c.MaxConnectionsPerAddress = 6, 2
	h := start(t, c)
	address := h.http.String()
	first := from(t, "127.0.0.1", address)
	require.True(t, answers(t, first))
	require.True(t, answers(t, from(t, "127.0.0.1", address)))
	require.False(t, answers(t, from(t, "127.0.0.1", address)), "a third of one address")
	for _, other := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"} {
		require.True(t, answers(t, from(t, other, address)), other)
	}
	require.False(t, answers(t, from(t, "127.0.0.4", address)), "a seventh of all")
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return answers(t, from(t, "127.0.0.1", address)) }, 20*time.Second, 10*time.Millisecond, "one has ended")
	h.end()
}

func TestAProxyMayHoldMoreConnectionsThanOneAddress(t *testing.T) {
	l := limit(nil, Config{MaxConnections: 3, MaxConnectionsPerAddress: 1, Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}, Logger: slog.New(slog.DiscardHandler)})
	for range 3 {
		require.True(t, l.take(netip.MustParseAddr("192.0.2.1")))
	}
	require.False(t, l.take(netip.MustParseAddr("192.0.2.1")), "all together are bounded for proxies too")
	for range 3 {
		l.give(netip.MustParseAddr("192.0.2.1"))
	}
	require.True(t, l.take(netip.MustParseAddr("2001:db8::1")))
	require.False(t, l.take(netip.MustParseAddr("2001:db8::2")), "another address of one subscriber")
	require.True(t, l.take(netip.MustParseAddr("2001:db8:0:1::1")))
	l.give(netip.MustParseAddr("2001:db8::2"))
	require.Len(t, l.by, 1, "an address without connections takes no memory")
}
