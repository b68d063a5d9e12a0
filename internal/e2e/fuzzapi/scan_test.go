package fuzzapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // of the server that is meant to be broken into

	"meguri/hub/api/apitest"
	"meguri/hub/app"
	"meguri/hub/people"
)

var scan = flag.Bool("scan", false, "attack a hub with sqlmap, slowhttptest and sslscan, for some minutes")

// slowFor is how long each kind of slow client goes on, in seconds.
var slowFor = flag.Int("slow", 25, "how many seconds each kind of slow client goes on")

// attacks are what sqlmap is let at, as an administrator. A star marks a part of the path that it changes.
var attacks = []struct{ target, body, kind string }{
	{"/v1/packing?date=" + apitest.Date + "&shop=shop-1", "", ""},
	{"/v1/orders/order-0001*", "", ""},
	{"/v1/history?date=" + apitest.Date + "&location=loc-001", "", ""},
	{"/v1/events?subject=loc-001-fridge-1", "", ""},
	{"/v1/alarms?owner=quality&place=loc-002", "", ""},
	{"/v1/readings?sensor=loc-001-fridge-1/air&from=2026-12-01T08:00:00Z&to=2026-12-01T09:00:00Z", "", ""},
	{"/v1/customers/search", `{"phone":"+819012345678","reason":"called"}`, "application/json"},
	{"/v1/orders", `{"delivery_date":"2026-12-02","location_id":"loc-001","customer_id":"member-1","lines":[{"product_id":"prod-001","quantity":1}]}`, "application/json"},
	{"/v1/login", `{"login":"aoki","password":"correct horse battery"}`, "application/json"},
	{"/oauth/token", "grant_type=client_credentials&client_id=cafe&client_secret=x&scope=orders:read", "application/x-www-form-urlencoded"},
	{"/packing?date=" + apitest.Date + "&shop=shop-1", "", ""},
	{"/locations/loc-001*", "", ""},
	{"/readings?sensor=loc-001-fridge-1/air", "", ""},
	{"/rental/orders?state=open&q=r-1", "", ""},
	{"/maintenance", "position=loc-001-fridge-1&reason=hinge&minutes=60", "application/x-www-form-urlencoded"},
}

// inject lets sqlmap at a target, and says what it found; empty for nothing.
func inject(t *testing.T, target, cookie, body, kind string) string {
	t.Helper()
	args := []string{"--batch", "--disable-coloring", "--flush-session", "--output-dir=" + t.TempDir(), "--level=1", "--risk=1", "--threads=4", "--timeout=30", "--retries=1",
		"--technique=BEUS", "--dbms=sqlite", "--skip-waf", "--ignore-code=400,401,403,404,409,422,429", "--url=" + target} // not by waiting: other things are slow on a busy machine, too
	if cookie != "" {
		args = append(args, "--cookie="+cookie, "--skip=cookie")
	}
	if body != "" {
		args = append(args, "--data="+body, "--headers=Content-Type: "+kind)
	}
	out, err := exec.CommandContext(t.Context(), "sqlmap", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text := string(out)
	if strings.Contains(text, "identified the following injection point") {
		return text
	}
	require.Contains(t, text, "all tested parameters do not appear to be injectable", "sqlmap did not come to an end at %s", target)
	return ""
}

// tlsReport is what sslscan writes.
type tlsReport struct {
	Protocols []struct {
		Type    string `xml:"type,attr"`
		Version string `xml:"version,attr"`
		Enabled int    `xml:"enabled,attr"`
	} `xml:"ssltest>protocol"`
	Ciphers []struct {
		Version  string `xml:"sslversion,attr"`
		Cipher   string `xml:"cipher,attr"`
		Strength string `xml:"strength,attr"`
	} `xml:"ssltest>cipher"`
	Compression struct {
		Supported int `xml:"supported,attr"`
	} `xml:"ssltest>compression"`
	Heartbleed []struct {
		Vulnerable int `xml:"vulnerable,attr"`
	} `xml:"ssltest>heartbleed"`
}

// weaknesses lets sslscan at an address, and says what it does not like.
func weaknesses(t *testing.T, address string) (found, offered []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scan.xml")
	out, err := exec.CommandContext(t.Context(), "sslscan", "--no-colour", "--xml="+file, address).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var r tlsReport
	require.NoError(t, xml.Unmarshal(text, &r))
	require.NotEmpty(t, r.Ciphers, "it saw nothing: %s", out)
	for _, p := range r.Protocols {
		if p.Enabled == 1 && (p.Type != "tls" || p.Version == "1.0" || p.Version == "1.1") {
			found = append(found, p.Type+" "+p.Version)
		}
	}
	for _, c := range r.Ciphers {
		offered = append(offered, c.Version+" "+c.Cipher)
		sealed := strings.Contains(c.Cipher, "GCM") || strings.Contains(c.Cipher, "POLY1305")
		if forward := c.Version == "TLSv1.3" || strings.HasPrefix(c.Cipher, "ECDHE"); !sealed || !forward || c.Strength == "weak" || c.Strength == "null" || c.Strength == "anonymous" {
			found = append(found, c.Version+" "+c.Cipher)
		}
	}
	if r.Compression.Supported == 1 {
		found = append(found, "compression")
	}
	for _, h := range r.Heartbleed {
		if h.Vulnerable == 1 {
			found = append(found, "heartbleed")
		}
	}
	return found, offered
}

// slowness are the kinds of slow clients, as slowhttptest is told of them.
var slowness = map[string][]string{
	"slow headers": {"-H", "-i", "2", "-x", "24", "-p", "3"},
	"slow body":    {"-B", "-i", "2", "-s", "8192", "-x", "10", "-p", "3", "-f", "application/json"},
	"slow read":    {"-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3", "-p", "3"},
}

// starve lets 1,000 slow clients of one address at a target while somebody at another asks for it, and says how often they asked in vain.
func starve(t *testing.T, target string, how []string) (asked, vain int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attack := exec.CommandContext(ctx, "slowhttptest", append(slices.Clone(how), "-c", "1000", "-r", "200", "-l", fmt.Sprint(*slowFor), "-u", target)...)
	require.NoError(t, attack.Start())
	over := make(chan error, 1)
	go func() { over <- attack.Wait() }()
	for {
		select {
		case err := <-over:
			require.NoError(t, err)
			return asked, vain
		case <-time.After(250 * time.Millisecond):
			asked++
			if !served(target) {
				vain++
			}
		}
	}
}

// served says whether somebody at another address, on a new connection, gets an answer.
func served(target string) bool {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 10 * time.Second}
	transport := &http.Transport{DialContext: d.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	r, err := (&http.Client{Timeout: 10 * time.Second, Transport: transport}).Get(target)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return r.Body.Close() == nil && err == nil && r.StatusCode < 500
}

func scanned(t *testing.T) {
	t.Helper()
	if !*scan {
		t.Skip("takes minutes, and sqlmap, slowhttptest and sslscan: make scan runs it")
	}
}

// encrypted configures TLS, with a certificate that signs itself.
func encrypted(t *testing.T) func(*app.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return func(c *app.Config) {
		c.TLSCert, c.TLSKey, c.Proxies = cert, key, nil // nobody here is a proxy, to whom limits would not apply
	}
}

func TestScannersFindNothingInAHub(t *testing.T) {
	scanned(t)
	s := openWith(t, encrypted(t))
	address := strings.TrimPrefix(s.base, "https://")
	t.Run("sslscan", func(t *testing.T) {
		found, offered := weaknesses(t, address)
		t.Logf("sslscan: offered %s; not wanted: %d", strings.Join(offered, ", "), len(found))
		require.Empty(t, found)
	})
	for _, name := range []string{"slow headers", "slow body", "slow read"} {
		t.Run(name, func(t *testing.T) {
			target := s.base + map[string]string{"slow headers": "/healthz", "slow body": "/v1/login", "slow read": "/openapi.json"}[name]
			asked, vain := starve(t, target, slowness[name])
			t.Logf("slowhttptest, 1000 clients, %s for %d s: %d requests of another, %d in vain", name, *slowFor, asked, vain)
			require.Positive(t, asked)
			require.Zero(t, vain)
		})
	}
	t.Run("sqlmap", func(t *testing.T) {
		for _, a := range attacks {
			began := time.Now()
			cookie := "meguri_session=" + s.data.Token(t, people.Admin)
			found := inject(t, s.base+a.target, cookie, a.body, a.kind)
			t.Logf("sqlmap: %s %s: %d s, injectable: %v", a.target, a.body, int(time.Since(began).Seconds()), found != "")
			require.Empty(t, found)
		}
	})
	require.Empty(t, s.log.take(), "errors and panics in the log")
}

// What the scanners are to find, they find where it is.
func TestScannersFindWhatIsThere(t *testing.T) {
	scanned(t)
	t.Run("an injection", func(t *testing.T) {
		db, err := sql.Open("sqlite", ":memory:")
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
		defer func() { require.NoError(t, db.Close()) }()
		_, err = db.Exec("CREATE TABLE shops (id TEXT, name TEXT); INSERT INTO shops VALUES ('1', 'Aoki'), ('2', 'Sato')")
		require.NoError(t, err)
		weak := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var name string
			if err := db.QueryRow("SELECT name FROM shops WHERE id = '" + r.FormValue("id") + "'").Scan(&name); err != nil {
				http.Error(w, "none", http.StatusNotFound)
				return
			}
			_, _ = io.WriteString(w, name)
		}))
		defer weak.Close()
		require.NotEmpty(t, inject(t, weak.URL+"/?id=1", "", "", ""))
	})
	t.Run("old protocols and weak ciphers", func(t *testing.T) {
		weak := httptest.NewUnstartedServer(http.NotFoundHandler())
		weak.TLS = &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
		weak.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
		weak.StartTLS()
		defer weak.Close()
		found, _ := weaknesses(t, strings.TrimPrefix(weak.URL, "https://"))
		require.Contains(t, found, "tls 1.0")
		require.Contains(t, found, "TLSv1.2 ECDHE-RSA-AES128-SHA")
	})
	t.Run("a service that slow clients take", func(t *testing.T) {
		s := openWith(t, func(c *app.Config) {
			encrypted(t)(c)
			c.MaxConnections, c.MaxConnectionsPerAddress = 20, 20
		})
		asked, vain := starve(t, s.base+"/healthz", slowness["slow headers"])
		t.Logf("with 20 connections in all: %d of %d in vain", vain, asked)
		require.Positive(t, vain)
	})
}
