package fuzzapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/app"
	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// site is a running hub in the middle of a day, and what is asked of it.
type site struct {
	base   string
	data   *apitest.Hub // on the same database; the console, so to say
	client *http.Client
	log    *trouble
	doc    *openapi3.T
	secret string // of the program
}

// identity is somebody who asks: nobody without a role, a program where it is one.
type identity struct {
	role    people.Role
	program bool
}

const program = "cafe"

// open starts a hub on a database file with a network, a day under way, a warehouse and three dates to come.
func open(t *testing.T) *site { return openWith(t, func(*app.Config) {}) }

// openWith is open for a hub that is configured otherwise.
func openWith(t *testing.T, set func(*app.Config)) *site {
	t.Helper()
	database := storetest.SQLite(t)
	data := apitest.OpenAt(t, database)
	data.Day(t)
	data.Warehouse(t)
	data.Replace(t, "station-loc-001", "station-new")
	n, err := bulk.ReadNetwork(later(apitest.Priced()))
	require.NoError(t, err)
	storetest.Import(t, data.Store, n)
	s := &site{data: data, log: &trouble{}, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8,
		// The certificate is of the test's own making; who would stand in between on loopback sees nothing of worth.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	t.Cleanup(s.client.CloseIdleConnections)
	scopes := slices.DeleteFunc(people.Scopes(), func(s people.Scope) bool { return !people.Opens(s, people.System) })
	s.secret = data.Client(t, people.Client{ID: program, Scopes: scopes})
	c := app.Config{Database: database, PKI: filepath.Join(t.TempDir(), "pki"), HTTP: "127.0.0.1:0", Broker: "127.0.0.1:0",
		// Each request comes from an address of its own, or wrong passwords would shut all others out.
		Proxies:  []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Payments: app.Payments{Provider: app.PaymentsFake},
		Clock:    clock.New(time.Now(), apitest.Now, 1), Zone: time.UTC, Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	set(&c)
	s.run(t, c)
	r, err := s.client.Get(s.base + "/openapi.json")
	require.NoError(t, err)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	s.doc, err = openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	return s
}

// later adds three delivery dates that still take orders.
func later(files fstest.MapFS) fstest.MapFS {
	text := string(files["deliveries.csv"].Data)
	head, rows, _ := strings.Cut(text, "\n")
	for _, date := range dates[1:4] {
		text += strings.ReplaceAll(rows, apitest.Date, date)
	}
	files["deliveries.csv"] = &fstest.MapFile{Data: []byte(head + text[len(head):])}
	return files
}

func (s *site) run(t *testing.T, c app.Config) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan string, 1)
	c.Ready = func(http, _ net.Addr) { ready <- http.String() }
	go func() { ended <- app.Run(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case at := <-ready:
		s.base = "http://" + at
		if c.TLSCert != "" {
			s.base = "https://" + at
		}
	case err := <-ended:
		ended <- err
		t.Fatal("the hub has ended: ", err)
	}
}

// trouble is a log of which the lines that tell of trouble are kept.
type trouble struct {
	mu    sync.Mutex
	lines []string
}

func (l *trouble) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(line, []byte("panic")) || bytes.Contains(line, []byte("level=ERROR")) {
		if len(l.lines) < 100 {
			l.lines = append(l.lines, string(line))
		}
	}
	return len(line), nil
}

// take gives the lines since the last time.
func (l *trouble) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// wallet holds the tokens with which a worker asks.
type wallet map[identity]string

// token gives a token for somebody, a new one when there is none.
func (s *site) token(t *testing.T, w wallet, who identity) string {
	if w[who] != "" || who.role == "" {
		return w[who]
	}
	if !who.program {
		w[who] = s.data.Token(t, who.role)
		return w[who]
	}
	r, err := http.NewRequest("POST", s.base+"/oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(program, s.secret)
	a, err := s.send(r)
	require.NoError(t, err)
	var given struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(a.body, &given), "%s", a.body)
	w[who] = given.Token
	return given.Token
}

const maxAnswer = 16 << 20

func (s *site) send(r *http.Request) (answer, error) {
	got, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	return answer{got.StatusCode, got.Header, body}, err
}

// address is one of many from which a request seems to come.
func address(r *rand.Rand) string {
	return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))
}

func unescaped(id string) string {
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}
