package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// hub is a running hub.
type hub struct {
	t            *testing.T
	http, broker net.Addr
	stop         context.CancelFunc
	ended        chan error
}

func config(t *testing.T, database string) Config {
	return Config{Database: database, PKI: filepath.Join(t.TempDir(), "pki"), HTTP: "127.0.0.1:0", Broker: "127.0.0.1:0", Clock: clock.Real(), Zone: time.UTC,
		Logger: slog.New(slog.DiscardHandler)}
}

// start runs a hub until the test ends, and returns when it is ready.
func start(t *testing.T, c Config) *hub {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h := &hub{t: t, stop: cancel, ended: make(chan error, 1)}
	ready := make(chan struct{})
	c.Ready = func(http, broker net.Addr) {
		h.http, h.broker = http, broker
		close(ready)
	}
	go func() { h.ended <- Run(ctx, c) }()
	t.Cleanup(cancel)
	select {
	case <-ready:
	case err := <-h.ended:
		t.Fatal("the hub has ended: ", err)
	}
	return h
}

// end tells the hub to stop, and waits until it has.
func (h *hub) end() {
	h.t.Helper()
	h.stop()
	require.NoError(h.t, <-h.ended)
}

func healthy(t *testing.T, client *http.Client, url string) {
	t.Helper()
	r, err := client.Get(url + "/healthz")
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode, string(body))
}

func TestAHubAnswersStopsAndStartsAgainOnTheSameData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		h := start(t, config(t, url))
		healthy(t, client, "http://"+h.http.String())
		c, err := net.Dial("tcp", h.broker.String())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		h.end()
		for _, a := range []net.Addr{h.http, h.broker} {
			_, err := net.Dial("tcp", a.String())
			require.Error(t, err, "nobody listens any more")
		}

		s := storetest.Open(t, url)
		storetest.Import(t, s, storetest.Network(t))
		again := config(t, url)
		again.HTTP, again.Broker = h.http.String(), h.broker.String()
		h = start(t, again)
		healthy(t, client, "http://"+h.http.String())
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.LocationView(t.Context(), "loc-1")
			return err
		}))
		h.end()
	})
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for want, set := range map[string]func(*Config){
		"HTTP: listen tcp " + taken.Addr().String():        func(c *Config) { c.HTTP = taken.Addr().String() },
		"MQTT broker: listen tcp " + taken.Addr().String(): func(c *Config) { c.Broker = taken.Addr().String() },
	} {
		c := config(t, storetest.SQLite(t))
		set(&c)
		err := Run(t.Context(), c)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "address already in use")
	}
}

func TestAHubThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.pem")
	require.NoError(t, os.WriteFile(broken, []byte("no certificate"), 0o600))
	for want, set := range map[string]func(*Config){
		"want sqlite:FILE or postgres": func(c *Config) { c.Database = "mysql://" },
		"no such file or directory":    func(c *Config) { c.Database = "sqlite:" + filepath.Join(dir, "none", "hub.db") },
		"TLS: certificate " + broken:   func(c *Config) { c.TLSCert, c.TLSKey = broken, broken },
	} {
		c := config(t, storetest.SQLite(t))
		set(&c)
		require.ErrorContains(t, Run(t.Context(), c), want)
	}
}

func TestAHubServesHTTPS(t *testing.T) {
	c := config(t, storetest.SQLite(t))
	var roots *x509.CertPool
	c.TLSCert, c.TLSKey, roots = certificates(t)
	h := start(t, c)
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	healthy(t, client, "https://"+h.http.String())
	r, err := http.Get("http://" + h.http.String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusBadRequest, r.StatusCode, "nothing goes over the wire in the clear")
	h.end()
}

// A page that listens for changes holds its request open; a client may also be slow. Neither keeps the hub from stopping.
func TestAHubStopsWhileAClientIsConnected(t *testing.T) {
	h := start(t, config(t, storetest.SQLite(t)))
	c, err := net.Dial("tcp", h.http.String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n")) // and no more
	require.NoError(t, err)
	h.end()
}

// certificates makes a certificate for 127.0.0.1 that signs itself.
func certificates(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(cert, certificate, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return cert, key, roots
}
