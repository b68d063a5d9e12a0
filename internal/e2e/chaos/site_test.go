package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"meguri/hub/pki"
	"meguri/internal/mosquittotest"
	"meguri/internal/pgtest"
	"meguri/protocol"
)

// built is where the programs are.
var built string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "meguri-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if out, err := exec.Command("go", "build", "-o", dir+"/", "meguri/hub", "meguri/edge").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v: %s\n", err, out)
		return 1
	}
	built = dir
	return m.Run()
}

// site is a hub and its agents, all real processes.
type site struct {
	t       *testing.T
	dir     string
	http    string
	serve   []string // the hub's command
	agents  []*agent
	net     *network        // nil: loopback
	cluster *pgtest.Cluster // nil: SQLite
	proxy   *proxy
	broker  *mosquittotest.Broker // nil: the hub's own
	url     string                // of the database, past the proxy

	elsewhere []string // data outside dir

	mu     sync.Mutex
	hub    *process
	closed bool
}

// options of a site.
type options struct {
	postgres, namespace, mosquitto bool
	agents                         int
	edgeFlags                      []string
	edgeData, hubData              string // directories of their files; empty: in that of the test
}

func newSite(t *testing.T, o options) *site {
	t.Helper()
	if *kills == 0 {
		t.Skip("minutes of it: run it with make chaos")
	}
	s := &site{t: t, dir: t.TempDir(), http: freeAddress(t, "127.0.0.1")}
	for _, dir := range []string{o.edgeData, o.hubData} {
		if dir != "" {
			s.elsewhere = append(s.elsewhere, dir)
		}
	}
	host := "127.0.0.1"
	if o.namespace {
		s.net = newNetwork(t)
		host = s.net.hub
	}
	broker := freeAddress(t, host)
	data := o.hubData
	if data == "" {
		data = filepath.Join(s.dir, "hub")
	}
	s.url = "file:" + filepath.Join(data, "hub.db") + "?mode=ro"
	global := []string{"--data", data}
	if o.postgres {
		s.cluster = pgtest.Start(t)
		s.proxy = newProxy(t, s.cluster.Socket())
		s.url = s.cluster.Database(t)
		global = append(global, "--database", pgtest.Via(s.proxy.dir, filepath.Base(strings.Split(s.url, "?")[0])))
	}
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	s.command(append([]string{"import"}, append(global, filepath.Join(root, "deploy", "sample"))...)...)
	s.serve = append([]string{filepath.Join(built, "hub"), "serve", "--http", s.http}, global...)
	if o.mosquitto {
		s.broker = startMosquitto(t, filepath.Join(data, "pki"))
		broker = s.broker.Address
		s.serve = append(s.serve, "--broker-url", "tls://"+broker)
	} else {
		s.serve = append(s.serve, "--broker", broker, "--broker-name", host)
	}
	edges := o.edgeData
	if edges == "" {
		edges = filepath.Join(s.dir, "edge")
	}
	require.NoError(t, os.MkdirAll(edges, 0o700))
	for i := range o.agents {
		id := fmt.Sprintf("scanner-%d", i+1)
		s.command(append([]string{"device", "add", id, "--role", "scanner", "--place", "shop-aoki", "--out", edges}, global...)...)
		flags := append([]string{"--broker", "tls://" + broker, "--certificate", filepath.Join(edges, id+".pem"),
			"--key", filepath.Join(edges, id+".key"), "--ca", filepath.Join(edges, "ca.pem")}, o.edgeFlags...)
		var under []string
		if s.net != nil {
			under = s.net.under()
		}
		s.agents = append(s.agents, newAgent(t, id, edges, under, flags))
	}
	s.startHub()
	t.Cleanup(s.close)
	return s
}

// command runs the hub's program to its end.
func (s *site) command(args ...string) {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(built, "hub"), args...).CombinedOutput()
	require.NoError(s.t, err, "hub %v: %s", args, out)
}

func (s *site) hubLog() string { return filepath.Join(s.dir, "hub.log") }

func (s *site) startHub() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.hub != nil && s.hub.running() {
		return
	}
	p, err := startProcess(s.hubLog(), s.serve)
	require.NoError(s.t, err)
	s.hub = p
}

func (s *site) hubProcess() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hub
}

// supervise starts the hub again whenever it has ended, until ctx does.
func (s *site) supervise(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.hubProcess().ended:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
			s.startHub()
		}
	}
}

func (s *site) close() {
	s.mu.Lock()
	s.closed = true
	hub := s.hub
	s.mu.Unlock()
	for _, a := range s.agents {
		a.halt()
	}
	if hub != nil {
		hub.end(s.t)
	}
	if s.t.Failed() {
		s.keep()
		s.t.Logf("hub: … %s", tail(s.hubLog(), 3000))
		for _, a := range s.agents {
			s.t.Logf("%s: … %s", a.device, tail(filepath.Join(a.dir, a.device+".log"), 1500))
		}
	}
}

// dump ends all processes so that their logs say what each goroutine waits for: what is missing may only be held up.
func (s *site) dump() {
	for _, a := range s.agents {
		if p := a.process(); p == nil || !p.running() {
			s.t.Logf("%s does not run", a.device)
		}
		a.abort()
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	hub := s.hubProcess()
	hub.signal(syscall.SIGQUIT)
	<-hub.ended
}

// keep copies what the processes left behind to where go test -artifacts keeps it: without the hub's and the devices' files
// nobody can tell a lost scan from a judge that is wrong.
func (s *site) keep() {
	to := s.t.ArtifactDir()
	err := os.CopyFS(filepath.Join(to, "site"), os.DirFS(s.dir))
	for i, dir := range s.elsewhere {
		err = errors.Join(err, os.CopyFS(filepath.Join(to, fmt.Sprint("data-", i)), os.DirFS(dir)))
	}
	s.t.Logf("files of hub and agents are in %s: %v", to, err)
}

// awaitHub waits until the hub answers.
func (s *site) awaitHub() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		r, err := http.Get("http://" + s.http + "/healthz")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode < 500
	}, 60*time.Second, 50*time.Millisecond, "the hub does not answer")
}

// received counts how often the hub has each code that was scanned.
func (s *site) received() map[string]int {
	s.t.Helper()
	driver := "sqlite"
	if s.cluster != nil {
		driver = "pgx"
	}
	db, err := sql.Open(driver, s.url)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, db.Close()) }()
	rows, err := db.Query("SELECT body FROM events WHERE kind = $1", int64(protocol.KindScanRefused))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, rows.Close()) }()
	got := map[string]int{}
	for rows.Next() {
		var body []byte
		require.NoError(s.t, rows.Scan(&body))
		event, err := protocol.DecodeEvent(protocol.KindScanRefused, body)
		require.NoError(s.t, err)
		got[event.(protocol.ScanRefused).Scan]++
	}
	require.NoError(s.t, rows.Err())
	return got
}

// startMosquitto starts Debian's Mosquitto with certificates of the hub's authority.
func startMosquitto(t *testing.T, dir string) *mosquittotest.Broker {
	t.Helper()
	authority, err := pki.Open(dir)
	require.NoError(t, err)
	certificate, err := authority.Broker([]string{"127.0.0.1"})
	require.NoError(t, err)
	require.NoError(t, authority.WriteCRL(nil))
	crl, err := os.ReadFile(authority.CRLPath())
	require.NoError(t, err)
	return mosquittotest.Start(t, mosquittotest.Certificates{CA: authority.CA(), Broker: certificate.Certificate, Key: certificate.Key, CRL: crl})
}

func freeAddress(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}
