package notify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/alarm/notify"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const secret = "a secret of a webhook"

var nine = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// desk is a hub's database and its clock.
type desk struct {
	t    *testing.T
	s    *store.Store
	url  string
	now  atomic.Int64 // of the business, Unix milliseconds
	real atomic.Int64
	logs bytes.Buffer
	mu   sync.Mutex
}

func (d *desk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logs.Write(p)
}

func open(t *testing.T, url string) *desk {
	d := &desk{t: t, s: storetest.Open(t, url), url: url}
	storetest.Import(t, d.s, storetest.Network(t))
	d.at(0)
	return d
}

// at sets both clocks to so long after nine.
func (d *desk) at(after time.Duration) {
	d.now.Store(nine.Add(after).UnixMilli())
	d.real.Store(nine.Add(after).UnixMilli())
}

func (d *desk) clock(ms *atomic.Int64) func() time.Time {
	return func() time.Time { return time.UnixMilli(ms.Load()).UTC() }
}

func (d *desk) teller(s *store.Store, c notify.Config) *notify.Teller {
	c.Store, c.Now, c.RealNow = s, d.clock(&d.now), d.clock(&d.real)
	c.Logger, c.URL, c.Zone = slog.New(slog.NewTextHandler(d, nil)), "https://hub.example.jp", time.FixedZone("JST", 9*3600)
	teller, err := notify.New(c)
	require.NoError(d.t, err)
	return teller
}

func (d *desk) change(fn func(ctx context.Context, tx *store.Tx) error) {
	d.t.Helper()
	require.NoError(d.t, d.s.Change(d.t.Context(), func(tx *store.Tx) error { return fn(d.t.Context(), tx) }))
}

func (d *desk) raise(id, kind, subject string, at time.Time) {
	d.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.RaiseAlarm(ctx, id, kind, subject, "8.4 °C", at)
	})
}

func (d *desk) notices(id string) (all []store.AlarmNoticeView) {
	require.NoError(d.t, d.s.Read(d.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.NoticesOf(d.t.Context(), id, 100)
		return err
	}))
	return all
}

// hook is a real server that takes webhooks as its answers say, 200 when there is none left.
type hook struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int
	got     []*http.Request
	bodies  [][]byte
}

func newHook(t *testing.T, answers ...int) *hook {
	h := &hook{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got, h.bodies = append(h.got, r), append(h.bodies, body)
		if len(h.answers) > 0 {
			w.WriteHeader(h.answers[0])
			h.answers = h.answers[1:]
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) config() notify.Config {
	return notify.Config{Recipients: []alarm.Recipient{{Channel: alarm.Webhook, To: h.URL + "/token-in-path"}}, Hook: notify.Hook{Secret: secret}}
}

func TestAWebhookIsSignedAndTriedAgainWithTheSameIDUntilItIsTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		d := open(t, empty())
		h := newHook(t, 500, 429)
		teller := d.teller(d.s, h.config())
		d.raise("a", "temperature", "loc-1-f1/air", nine)
		require.NoError(t, teller.Turn(t.Context()))
		d.at(10*time.Minute - time.Second)
		require.NoError(t, teller.Turn(t.Context()))
		require.Empty(t, h.got, "there is time to acknowledge it")
		for _, after := range []time.Duration{0, time.Second, 5 * time.Second, 6 * time.Second, 15 * time.Second, 16 * time.Second, time.Minute} {
			d.at(10*time.Minute + after)
			require.NoError(t, teller.Turn(t.Context()))
		}
		require.Len(t, h.got, 3, "refused, refused after 5 s, taken after 10 s, and not again")
		for i, r := range h.got {
			require.Equal(t, h.got[0].Header.Get("Idempotency-Key"), r.Header.Get("Idempotency-Key"))
			stamp, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(notify.SignatureHeader), "t="), ",")
			var unix int64
			_, err := fmt.Sscan(stamp, &unix)
			require.NoError(t, err)
			require.Equal(t, notify.Sign(secret, time.Unix(unix, 0), h.bodies[i]), r.Header.Get(notify.SignatureHeader))
		}
		var got map[string]any
		require.NoError(t, json.Unmarshal(h.bodies[2], &got))
		require.Equal(t, h.got[0].Header.Get("Idempotency-Key"), got["id"])
		require.Equal(t, "quality", got["owner"])
		require.Equal(t, "一番ステーション", got["place_name"])
		require.Equal(t, "温度が範囲外", got["title"].(map[string]any)["ja"])
		require.Contains(t, got["consequence"].(map[string]any)["en"], "Food spoils")
		require.Equal(t, "https://hub.example.jp/alarms/a", got["link"])
		n := d.notices("a")
		require.Len(t, n, 1)
		require.Equal(t, []any{"sent", 3}, []any{n[0].Outcome, n[0].Tries})
		require.NotContains(t, d.logs.String(), secret)
		require.NotContains(t, d.logs.String(), "token-in-path")
	})
}

func TestWhatIsAnsweredOrOverIsNotTold(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	h := newHook(t, 500, 500)
	teller := d.teller(d.s, h.config())
	d.raise("acked", "temperature", "loc-1-f1/air", nine)
	d.raise("cleared", "door_ajar", "loc-1-f1", nine)
	d.raise("power", alarm.Power, "loc-2", nine)
	d.raise("warm", "temperature", "loc-2-f1/air", nine.Add(time.Minute))
	require.NoError(t, teller.Turn(t.Context()))
	d.at(9 * time.Minute)
	d.change(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ChangeAlarm(ctx, "acked", func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return a.Acknowledge("p", 1, nine) })
		return errors.Join(err, tx.ClearAlarm(ctx, "door_ajar", "loc-1-f1", nine.Add(8*time.Minute)))
	})
	require.NoError(t, teller.Turn(t.Context()))
	d.at(11 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Len(t, h.got, 2)
	require.Contains(t, string(h.bodies[0]), `"alarm_id":"power"`)
	require.Equal(t, h.bodies[0], h.bodies[1], "one cause, one call, tried twice")
	d.change(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.ChangeAlarm(ctx, "power", func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return a.Acknowledge("p", 1, nine) })
		return err
	})
	d.at(30 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Len(t, h.got, 2, "acknowledged between two tries")
	require.Equal(t, "needless", d.notices("power")[0].Outcome)

	d.change(func(ctx context.Context, tx *store.Tx) error { // judged worse: nobody has seen that
		return tx.ReviseAlarm(ctx, "acked", "12.0 °C", nine.Add(-time.Hour), time.Time{}, nine.Add(30*time.Minute))
	})
	require.NoError(t, teller.Turn(t.Context()))
	d.at(40 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Len(t, h.got, 3)
	require.Contains(t, string(h.bodies[2]), `"revision":2`)
}

func TestAWebhookThatIsGoneOrNeverAnswersIsGivenUp(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	h := newHook(t, 410)
	teller := d.teller(d.s, h.config())
	d.raise("gone", "door_ajar", "loc-1-f1", nine)
	require.NoError(t, teller.Turn(t.Context()))
	d.at(10 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Equal(t, "failed", d.notices("gone")[0].Outcome)
	h.Close()
	d.at(30 * time.Minute) // stage 2
	for range 400 {
		require.NoError(t, teller.Turn(t.Context()))
		d.real.Add(time.Minute.Milliseconds())
	}
	second := d.notices("gone")[1]
	require.Equal(t, []any{"failed", alarm.MaxTries}, []any{second.Outcome, second.Tries})
	require.NotContains(t, second.Problem, "token-in-path")
	require.NoError(t, d.s.Read(t.Context(), func(tx *store.Tx) error {
		n, err := tx.FailedNotices(t.Context(), nine)
		require.Equal(t, 2, n)
		return err
	}))
}

func TestOfSeveralHubsOnOneDatabaseOneTells(t *testing.T) {
	d := open(t, storetest.Postgres(t))
	h := newHook(t)
	var tellers []*notify.Teller
	for range 4 {
		tellers = append(tellers, d.teller(storetest.Open(t, d.url), h.config()))
	}
	for i := range 10 {
		d.raise(fmt.Sprint("a", i), "door_ajar", "loc-1-f1", nine)
	}
	for _, at := range []time.Duration{0, 10 * time.Minute, 10*time.Minute + time.Second} {
		d.at(at)
		var all sync.WaitGroup
		for _, teller := range tellers {
			all.Go(func() {
				if err := teller.Turn(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	ids := map[string]int{}
	for _, r := range h.got {
		ids[r.Header.Get("Idempotency-Key")]++
	}
	require.Len(t, ids, 10)
	require.Len(t, h.got, 10, "once each")
}

func TestAHubThatDiesWhileSendingLeavesTheNoticeToAnother(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	h := newHook(t)
	teller := d.teller(d.s, h.config())
	d.raise("a", "door_ajar", "loc-1-f1", nine)
	require.NoError(t, teller.Turn(t.Context()))
	d.at(10 * time.Minute)
	d.change(func(ctx context.Context, tx *store.Tx) error {
		n := alarm.Notices(alarm.Alarm{ID: "a", Kind: "door_ajar", Revision: 1}, nine, nine.Add(10*time.Minute), h.config().Recipients)[0]
		if err := tx.AddAlarmNotice(ctx, n, nine.Add(10*time.Minute)); err != nil {
			return err
		}
		ok, err := tx.ClaimNotice(ctx, n.ID, nine.Add(10*time.Minute), nine.Add(11*time.Minute))
		require.True(t, ok)
		return err
	})
	require.NoError(t, teller.Turn(t.Context()))
	require.Empty(t, h.got)
	d.at(11 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Len(t, h.got, 1)
	require.Equal(t, 2, d.notices("a")[0].Tries)
}

// letters is a real SMTP server with STARTTLS and a user.
type letters struct {
	mu    sync.Mutex
	got   []letter
	users []string
	deny  error
}

type letter struct {
	from string
	to   []string
	data []byte
	tls  bool
}

type session struct {
	l    *letters
	c    *smtp.Conn
	from string
	to   []string
}

func (l *letters) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{l: l, c: c}, nil }
func (s *session) AuthMechanisms() []string                      { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.l.mu.Lock()
		defer s.l.mu.Unlock()
		s.l.users = append(s.l.users, user+"/"+password)
		if password != "letmein-please" {
			return &smtp.SMTPError{Code: 535, Message: "authentication failed"}
		}
		return nil
	}), nil
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.l.deny != nil {
		return s.l.deny
	}
	s.to = append(s.to, to)
	return nil
}
func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	_, secure := s.c.TLSConnectionState()
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.l.got = append(s.l.got, letter{s.from, s.to, data, secure})
	return err
}

// post starts the server; its certificate is that of httptest, for example.com and loopback.
func post(t *testing.T, starttls bool) (*letters, notify.Post) {
	t.Helper()
	l := &letters{}
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	server := smtp.NewServer(l)
	server.Domain = "mail.example.jp"
	if starttls {
		server.TLSConfig = web.TLS.Clone()
		server.TLSConfig.NextProtos = nil
	} else {
		server.AllowInsecureAuth = true
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(at) }()
	t.Cleanup(func() { _ = server.Close() })
	trust := web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	return l, notify.Post{Server: at.Addr().String(), From: "hub@example.jp", User: "hub", Password: "letmein-please", TLS: trust}
}

func TestAMailIsInTheRecipientsLanguageOverTLS(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	l, p := post(t, true)
	teller := d.teller(d.s, notify.Config{Mail: p, Recipients: []alarm.Recipient{
		{Channel: alarm.Mail, To: "ja@example.jp", Role: alarm.Dispatcher, Language: "ja"}, {Channel: alarm.Mail, To: "en@example.jp", Role: alarm.Dispatcher, Language: "en"}}})
	d.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.RaiseAlarm(ctx, "p", alarm.Power, "loc-1", alarm.Say(alarm.Text{EN: "both supplies", JA: "二系統とも"}), nine)
	})
	d.raise("m", alarm.Mains, "loc-1-f1", nine)
	require.NoError(t, teller.Turn(t.Context()))
	d.at(5 * time.Minute)
	require.NoError(t, teller.Turn(t.Context()))
	require.Len(t, l.got, 2)
	require.Equal(t, "hub/letmein-please", l.users[0])
	byTo := map[string]string{}
	for _, g := range l.got {
		require.True(t, g.tls)
		require.Equal(t, "hub@example.jp", g.from)
		m, err := mail.ReadMessage(bytes.NewReader(g.data))
		require.NoError(t, err)
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		require.NoError(t, err)
		coded, err := io.ReadAll(m.Body)
		require.NoError(t, err)
		body, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(coded), "\r\n", ""))
		require.NoError(t, err)
		require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
		require.Equal(t, []string{m.Header.Get("To")}, g.to)
		require.Regexp(t, `^<n-[0-9a-f]+@example.jp>$`, m.Header.Get("Message-Id"))
		byTo[g.to[0]] = subject + "\n" + string(body)
	}
	require.Contains(t, byTo["ja@example.jp"], "【巡り】ステーションの停電：一番ステーション")
	require.Contains(t, byTo["ja@example.jp"], "扉を開けないこと")
	require.Contains(t, byTo["ja@example.jp"], "\n二系統とも\n")
	require.Contains(t, byTo["en@example.jp"], "\nboth supplies\n")
	require.Contains(t, byTo["ja@example.jp"], "https://hub.example.jp/alarms/p")
	require.Contains(t, byTo["en@example.jp"], "[Meguri] Power is out at the station: 一番ステーション")
	require.Contains(t, byTo["en@example.jp"], "Keep the doors shut")
	require.NotContains(t, d.logs.String(), "letmein")
}

func TestAMailServerThatRefusesIsTriedAgainUnlessForGood(t *testing.T) {
	for name, c := range map[string]struct {
		deny    error
		change  func(*notify.Post)
		outcome string
		problem string
	}{
		"full for now":       {deny: &smtp.SMTPError{Code: 452, Message: "mailbox full"}, outcome: "", problem: "mailbox full"},
		"no such address":    {deny: &smtp.SMTPError{Code: 550, Message: "no such user"}, outcome: "failed", problem: "no such user"},
		"wrong password":     {change: func(p *notify.Post) { p.Password = "wrong-password" }, outcome: "failed", problem: "authentication failed"},
		"a forged server":    {change: func(p *notify.Post) { p.TLS = nil }, outcome: "", problem: "certificate"},
		"nobody at the port": {change: func(p *notify.Post) { p.Server = "127.0.0.1:1" }, outcome: "", problem: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, storetest.SQLite(t))
			l, p := post(t, true)
			l.deny = c.deny
			if c.change != nil {
				c.change(&p)
			}
			teller := d.teller(d.s, notify.Config{Mail: p, Recipients: []alarm.Recipient{{Channel: alarm.Mail, To: "d@example.jp"}}})
			d.raise("a", "door_ajar", "loc-1-f1", nine)
			require.NoError(t, teller.Turn(t.Context()))
			d.at(10 * time.Minute)
			require.NoError(t, teller.Turn(t.Context()))
			n := d.notices("a")[0]
			require.Equal(t, c.outcome, n.Outcome)
			require.Contains(t, n.Problem, c.problem)
			require.NotContains(t, d.logs.String(), "password\"")
			require.NotContains(t, d.logs.String(), "letmein")
			require.Empty(t, l.got)
		})
	}
}

func TestNothingIsSentInTheClearBeyondThisMachine(t *testing.T) {
	_, p := post(t, false)
	_, port, err := net.SplitHostPort(p.Server)
	require.NoError(t, err)
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	require.NoError(t, p.Send(t.Context(), test(t)), "a relay on loopback may do without TLS")
	for _, a := range addresses {
		ip, _, err := net.ParseCIDR(a.String())
		require.NoError(t, err)
		if ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		l := &letters{}
		server := smtp.NewServer(l)
		at, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		require.NoError(t, err)
		go func() { _ = server.Serve(at) }()
		t.Cleanup(func() { _ = server.Close() })
		p.Server = at.Addr().String()
		require.ErrorContains(t, p.Send(t.Context(), test(t)), "STARTTLS")
		require.Empty(t, l.got)
	}
	_ = port
}

func test(t *testing.T) (m notify.Message) {
	t.Helper()
	a, _ := alarm.New("a", "door_ajar", "loc-1-f1", "", nine)
	return notify.Message{Notice: alarm.Notice{ID: "n-1", AlarmID: "a", Recipient: alarm.Recipient{Channel: alarm.Mail, To: "d@example.jp"}},
		Line: store.AlarmLine{Alarm: a, About: alarm.Of(a.Kind)}, PlaceName: "x\r\nBcc: y", Zone: time.UTC}
}

func TestTheTestReachesEverybodyAndSaysWhomNot(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	h := newHook(t, 200, 503)
	c := h.config()
	c.Recipients = append(c.Recipients, alarm.Recipient{Channel: alarm.Webhook, To: h.URL + "/second", Role: alarm.Quality})
	var said []string
	err := d.teller(d.s, c).Test(t.Context(), nine, func(r alarm.Recipient, err error) { said = append(said, fmt.Sprint(err)) })
	require.ErrorContains(t, err, "503")
	require.Equal(t, []string{"<nil>", "webhook answers 503 Service Unavailable"}, said)
	require.Contains(t, string(h.bodies[0]), "Nothing is to be done")
}

func TestWrongRecipientsAreNamedAtTheStart(t *testing.T) {
	good := notify.Post{Server: "mail.example.jp:587", From: "hub@example.jp"}
	for want, c := range map[string]notify.Config{
		"want https://":        {Recipients: []alarm.Recipient{{Channel: alarm.Webhook, To: "http://example.jp/x"}}, Hook: notify.Hook{Secret: secret}},
		"secret of 16":         {Recipients: []alarm.Recipient{{Channel: alarm.Webhook, To: "https://example.jp/x"}}, Hook: notify.Hook{Secret: "short"}},
		"want NAME@HOST":       {Recipients: []alarm.Recipient{{Channel: alarm.Mail, To: "a@b\r\nRCPT TO: c"}}, Mail: good},
		"want HOST:PORT":       {Recipients: []alarm.Recipient{{Channel: alarm.Mail, To: "a@example.jp"}}, Mail: notify.Post{From: "a@example.jp"}},
		"go together":          {Recipients: []alarm.Recipient{{Channel: alarm.Mail, To: "a@example.jp"}}, Mail: notify.Post{Server: good.Server, From: good.From, User: "u"}},
		"want webhook or mail": {Recipients: []alarm.Recipient{{Channel: "pager"}}},
	} {
		_, err := notify.New(c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "example.jp/x", "an address may be a secret")
	}
}
