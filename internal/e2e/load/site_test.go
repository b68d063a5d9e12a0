package load

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/internal/pgtest"
)

// site is a hub in a process of its own, so that its memory and time can be told from the devices'.
type site struct {
	t            *testing.T
	devices      int
	engine       string
	url          string // of the database
	broker, http string
	roots        *x509.CertPool
	certificates map[string]tls.Certificate
	hub          *exec.Cmd
}

func newSite(t *testing.T, devices int, postgres bool) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, devices: devices, engine: "SQLite", broker: freeAddress(t), http: freeAddress(t),
		certificates: map[string]tls.Certificate{}}
	data := filepath.Join(dir, "data")
	s.url = "sqlite:" + filepath.Join(data, "hub.db")
	if postgres {
		s.engine, s.url = "PostgreSQL", pgtest.Start(t).Database(t)
	}
	program, csv := build(t), filepath.Join(dir, "network")
	network(t, csv, devices)
	out, err := exec.Command(program, "import", "--data", data, "--database", s.url, csv).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s.add(data)
	log, err := os.Create(filepath.Join(dir, "hub.log"))
	require.NoError(t, err)
	s.hub = exec.Command(program, "serve", "--data", data, "--database", s.url, "--broker", s.broker, "--http", s.http)
	s.hub.Stdout, s.hub.Stderr = log, log
	require.NoError(t, s.hub.Start())
	t.Cleanup(func() {
		_ = s.hub.Process.Signal(syscall.SIGTERM)
		_ = s.hub.Wait()
		_ = log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("hub: … %s", text[max(0, len(text)-3000):])
		}
	})
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + s.http + "/healthz")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond, "the hub does not answer")
	return s
}

// add gives every device a certificate, as `hub device add` does one by one.
func (s *site) add(data string) {
	s.t.Helper()
	authority, err := pki.Open(filepath.Join(data, "pki"))
	require.NoError(s.t, err)
	s.roots = authority.Roots()
	db, err := store.Open(s.t.Context(), s.url)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, db.Close()) }()
	from, to := authority.Validity(24 * time.Hour)
	require.NoError(s.t, db.Change(s.t.Context(), func(tx *store.Tx) error {
		for i := range s.devices {
			issued, err := authority.Device(deviceID(i), from, to)
			if err != nil {
				return err
			}
			if s.certificates[deviceID(i)], err = issued.TLS(); err != nil {
				return err
			}
			d := fleet.Device{ID: deviceID(i), Role: fleet.Station, Place: locationID(i), AddedAt: from, AddedBy: "load"}
			if err := tx.AddDevice(s.t.Context(), d); err != nil {
				return err
			}
			certificate := fleet.Certificate{Device: d.ID, Fingerprint: issued.Fingerprint, Serial: issued.Serial, IssuedAt: from, EndsAt: to}
			if err := tx.AddCertificate(s.t.Context(), certificate); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (s *site) login(id string) *tls.Config {
	host, _, _ := net.SplitHostPort(s.broker)
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.roots, ServerName: host, Certificates: []tls.Certificate{s.certificates[id]}}
}

// clockTick is how many ticks of /proc make a second, on every Linux that Go runs on.
const clockTick = 100

// hubCPU is the time that the hub's process has computed.
func (s *site) hubCPU() time.Duration {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.hub.Process.Pid))
	require.NoError(s.t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11]) // the 14th field, proc(5)
	require.NoError(s.t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(s.t, err)
	return time.Duration(user+system) * time.Second / clockTick
}

type memory struct{ resident, anonymous int64 }

var rollup = regexp.MustCompile(`(?m)^(Rss|Anonymous): +(\d+) kB`)

func (s *site) hubMemory() memory {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.hub.Process.Pid))
	require.NoError(s.t, err)
	found := rollup.FindAllSubmatch(text, -1)
	require.Len(s.t, found, 2)
	var m memory
	for i, into := range []*int64{&m.resident, &m.anonymous} {
		kb, err := strconv.ParseInt(string(found[i][2]), 10, 64)
		require.NoError(s.t, err)
		*into = kb << 10
	}
	return m
}

// requireDurable holds that the database has at least what was acknowledged.
func (s *site) requireDurable(m moment) {
	s.t.Helper()
	driver, url := "pgx", s.url
	if file, ok := strings.CutPrefix(s.url, "sqlite:"); ok {
		driver, url = "sqlite", "file:"+file+"?mode=ro"
	}
	db, err := sql.Open(driver, url)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, db.Close()) }()
	var events, readings int64
	require.NoError(s.t, db.QueryRow("SELECT COUNT(*) FROM events").Scan(&events))
	require.NoError(s.t, db.QueryRow("SELECT COALESCE(SUM(samples), 0) FROM readings").Scan(&readings))
	require.GreaterOrEqual(s.t, events, m.events)
	require.GreaterOrEqual(s.t, readings, m.readings)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}
