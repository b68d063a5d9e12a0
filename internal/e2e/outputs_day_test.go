package e2e

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/internal/pgtest"
)

// aDay is a demo's whole day on PostgreSQL, played, with hub and fleet still running.
type aDay struct {
	t        *testing.T
	ctx      context.Context
	cmd      *exec.Cmd
	data     string
	database string
	http     string
	displays string
	tap      *tap
	raw      *sql.DB
	store    *store.Store
	said     string // by the demo

	mu    sync.Mutex
	hooks []output
	mails []output
	hook  string   // where alarms are told
	smtp  string   // and to whom mails are given
	words []string // on labels that somebody has made
}

// playDay plays a day of which everything is listened to.
func playDay(t *testing.T, ctx context.Context, args ...string) *aDay {
	t.Helper()
	d := &aDay{t: t, ctx: ctx, database: pgtest.Start(t).Database(t), displays: filepath.Join(t.TempDir(), "displays")}
	hook := httptest.NewServer(http.HandlerFunc(d.told))
	t.Cleanup(hook.Close)
	d.hook = hook.URL
	d.smtp = d.post()
	broker := address(t)
	d.cmd, d.data, d.http = demo(t, ctx, append(args, "--database", d.database, "--displays", d.displays)...)
	d.cmd.Args = slices.DeleteFunc(d.cmd.Args, func(a string) bool { return a == "--exit" })
	d.tap = newTap(t, d.data, broker)
	d.cmd.Args[slices.Index(d.cmd.Args, "--broker")+1] = broker
	d.cmd.Args = append(d.cmd.Args, "--via", d.tap.listen.Addr().String())
	d.cmd.Env = append(os.Environ(), "MEGURI_ALARM_WEBHOOK="+d.hook, "MEGURI_ALARM_WEBHOOK_SECRET=0123456789abcdef0123456789abcdef", "MEGURI_LOG_LEVEL=debug",
		"MEGURI_ALARM_SMTP="+d.smtp, "MEGURI_ALARM_MAIL_FROM=hub@example.jp", "MEGURI_ALARM_MAIL=a@example.jp,b@example.jp/ja")
	out, err := d.cmd.StdoutPipe()
	require.NoError(t, err)
	var wrong bytes.Buffer
	d.cmd.Stderr = &wrong
	require.NoError(t, d.cmd.Start())
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "The fleet goes on") {
			d.said = said.String()
			go func() { _, _ = io.Copy(io.Discard, out) }()
			break
		}
	}
	if d.said == "" {
		hub, _ := os.ReadFile(filepath.Join(d.data, "hub.log")) // for the message
		t.Fatalf("%v\n%s\n%s\n%s", d.cmd.Wait(), said.String(), wrong.String(), tail(string(hub), 4000))
	}
	t.Log("\n" + d.said)
	d.raw, err = sql.Open("pgx", d.database)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.raw.Close()) })
	d.store, err = store.Open(ctx, d.database)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.store.Close()) })
	vault, err := password.Vault("", filepath.Join(d.data, "pki"), true)
	require.NoError(t, err)
	require.NoError(t, d.store.SealNames(ctx, vault))
	return d
}

// stop ends the day as a Ctrl-C does.
func (d *aDay) stop() {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Signal(os.Interrupt))
	require.NoError(d.t, d.cmd.Wait())
}

func (d *aDay) told(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hooks = append(d.hooks, output{"webhook", r.URL.Path, append([]byte(fmt.Sprint(r.Header)), body...)})
}

// one is the first text of a query; there has to be one.
func (d *aDay) one(query string, args ...any) (text string) {
	d.t.Helper()
	require.NoError(d.t, d.raw.QueryRowContext(d.ctx, query, args...).Scan(&text), query)
	return text
}

func (d *aDay) texts(query string) (all []string) {
	d.t.Helper()
	rows, err := d.raw.QueryContext(d.ctx, query)
	require.NoError(d.t, err, query)
	defer func() { require.NoError(d.t, rows.Close()) }()
	for rows.Next() {
		var text string
		require.NoError(d.t, rows.Scan(&text))
		all = append(all, text)
	}
	require.NoError(d.t, rows.Err())
	return all
}

// heard is when in the day the hub has heard of a device last, in Unix milliseconds.
func (d *aDay) heard() (at int64) {
	d.t.Helper()
	require.NoError(d.t, d.raw.QueryRowContext(d.ctx, `SELECT max(seen_at) FROM devices`).Scan(&at))
	return at
}

// clock is about the day's time, for commands for which that counts.
func (d *aDay) clock() string { return clock.New(time.Now(), time.UnixMilli(d.heard()), 1).String() }

// hub runs a command of the hub on the day's database, and gives all that it said.
func (d *aDay) hub(args ...string) []byte {
	d.t.Helper()
	out, err := d.command(args...)
	require.NoError(d.t, err, "hub %v: %s", args, out)
	return out
}

func (d *aDay) command(args ...string) ([]byte, error) {
	dir, err := programs()
	require.NoError(d.t, err)
	cmd := exec.CommandContext(d.ctx, filepath.Join(dir, "hub"), append(args, "--data", d.data, "--database", d.database, "--clock", d.clock())...)
	cmd.Env = append(os.Environ(), "MEGURI_LOG_LEVEL=debug")
	return cmd.CombinedOutput()
}

// session lets a new person in. A name that is a number of persons is of nobody.
func (d *aDay) session(role people.Role, place string) (token string) {
	d.t.Helper()
	name := "Ottokar Quillfeather the " + string(role)
	_, code, err := people.New(d.store.People()).AddWhole(d.ctx, people.Person{Name: name, Role: role, Place: place}, time.Now())
	require.NoError(d.t, err)
	var in struct{ Token string }
	status, body := d.ask(http.MethodPost, "/v1/login", "", map[string]string{"code": code})
	require.Equal(d.t, http.StatusOK, status, string(body))
	require.NoError(d.t, json.Unmarshal(body, &in))
	return in.Token
}

// ask asks the hub, and reads the answer whole; of a stream, the first event.
func (d *aDay) ask(method, path, token string, in any) (status int, body []byte) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, soon)
	defer cancel()
	sent, err := json.Marshal(in)
	require.NoError(d.t, err)
	if in == nil {
		sent = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.http+path, bytes.NewReader(sent))
	require.NoError(d.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Reason", "asked by telephone")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	defer func() { _ = answer.Body.Close() }() // read
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		body, err = io.ReadAll(answer.Body)
		require.NoError(d.t, err, path)
		return answer.StatusCode, body
	}
	for lines := bufio.NewReader(answer.Body); ; {
		line, err := lines.ReadBytes('\n')
		require.NoError(d.t, err, path)
		if body = append(body, line...); len(bytes.TrimSpace(line)) == 0 {
			return answer.StatusCode, body
		}
	}
}

// contact is a row of the file that the operator entered.
type contact struct{ id, name, phone, email, postcode, address string }

func (d *aDay) contacts() (all []contact) {
	d.t.Helper()
	f, err := os.Open(filepath.Join(d.data, "customers.csv"))
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(d.t, err)
	for _, r := range rows[1:] {
		all = append(all, contact{r[0], r[1], r[2], r[3], r[4], r[5]})
	}
	return all
}

// names are those of who works here, and of visitors.
func (d *aDay) names() (colleagues, guests []string) {
	d.t.Helper()
	require.NoError(d.t, d.store.Read(d.ctx, func(tx *store.Tx) error {
		all, err := tx.Persons(d.ctx, 1000)
		for _, p := range all {
			if p.Name != "Administrator" { // which is what the first one is called, and nobody's name
				colleagues = append(colleagues, p.Name)
			}
		}
		for _, place := range d.texts(`SELECT DISTINCT place_id FROM passes WHERE holder <> 'shop'`) {
			passes, failed := tx.PassesAt(d.ctx, place, time.Time{})
			err = errors.Join(err, failed)
			for _, p := range passes {
				if p.Holder != dispatch.Shop {
					guests = append(guests, p.Name)
				}
			}
		}
		for _, id := range d.texts(`SELECT id FROM door_openings`) {
			o, failed := tx.Opening(d.ctx, id)
			err = errors.Join(err, failed)
			guests = append(guests, o.AtDoor)
		}
		return err
	}))
	require.NotEmpty(d.t, guests)
	return colleagues, guests
}

// needles are all that names somebody in the day, and all codes that open its doors.
func (d *aDay) needles() *needles {
	d.t.Helper()
	n := &needles{}
	colleagues, guests := d.names()
	for _, v := range colleagues {
		n.add(workers, v)
	}
	for _, c := range d.contacts() {
		for _, v := range []string{c.name, c.phone[1:], c.phone[:3] + "-" + c.phone[3:7] + "-" + c.phone[7:], c.email, c.address} {
			n.add(customers, v)
		}
		for _, part := range strings.Fields(c.name) { // by which alone they may be called, unless a colleague is, too
			if !strings.Contains(strings.Join(colleagues, "\n"), part) {
				n.add(customers, part)
			}
		}
	}
	for _, v := range guests {
		n.add(visitors, v)
	}
	for _, v := range d.texts(`SELECT pin FROM grants UNION SELECT pin FROM passes WHERE pin <> ''`) {
		n.add(codes, v)
		n.add(codes, v[:3]+" "+v[3:7]+" "+v[7:]) // as people read it
	}
	n.add(planted, leaked)
	return n
}

// leaked is the name of nobody, which the test puts where no name may be.
const leaked = "Zebulon Leakington"
