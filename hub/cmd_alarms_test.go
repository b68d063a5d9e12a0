package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func runAlarms(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		Alarms AlarmsCmd `cmd:""`
	}
	var out bytes.Buffer
	g.Stdout = &out
	p, err := kong.New(&cli)
	require.NoError(t, err)
	ctx, err := p.Parse(append([]string{"alarms"}, args...))
	require.NoError(t, err)
	err = ctx.Run(g)
	return out.String(), err
}

func TestAlarmsAreListedAndAnsweredFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.RaiseAlarm(t.Context(), "door/1", "door_ajar", "loc-1-f1", "door ajar", time.Now())
	}))
	out, err := runAlarms(t, g, "list")
	require.NoError(t, err)
	require.Regexp(t, `unacknowledged +2 +dispatcher +door_ajar +loc-1-f1`, out)
	_, err = runAlarms(t, g, "acknowledge", "door/1", "--revision", "2")
	require.ErrorIs(t, err, alarm.ErrOldRevision)
	_, err = runAlarms(t, g, "acknowledge", "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = runAlarms(t, g, "acknowledge", "door/1")
	require.NoError(t, err)
	_, err = runAlarms(t, g, "shelve", "door/1", "--reason", "a plumber is there", "--minutes", "721")
	require.ErrorContains(t, err, "until: want")
	_, err = runAlarms(t, g, "shelve", "door/1", "--reason", "a plumber is there")
	require.NoError(t, err)
	_, err = runAlarms(t, g, "reset", "door/1")
	require.ErrorIs(t, err, alarm.ErrAlready)
	out, err = runAlarms(t, g, "show", "door/1")
	require.NoError(t, err)
	require.Contains(t, out, "Door stands open")
	require.Regexp(t, `acknowledged  console`, out)
	require.Contains(t, out, "a plumber is there")
}

func TestATestOfAlarmsSaysWhomItReaches(t *testing.T) {
	g := &Globals{Ctx: t.Context(), Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	_, err := runAlarms(t, g, "test")
	require.ErrorContains(t, err, "nobody is told of alarms")
	status := http.StatusOK
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer h.Close()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600))
	args := []string{"test", "--alarm-webhook", h.URL + "/hidden-path", "--alarm-webhook-secret-file", file}
	out, err := runAlarms(t, g, args...)
	require.NoError(t, err)
	require.Contains(t, out, ": told")
	require.NotContains(t, out, "hidden-path")
	status = http.StatusForbidden
	out, err = runAlarms(t, g, args...)
	require.ErrorContains(t, err, "1 of 1 could not be told")
	require.Contains(t, out, "403 Forbidden")
}

func TestWrongFlagsOfAlarmsAreNamed(t *testing.T) {
	for want, f := range map[string]AlarmFlags{
		"before =":       {AlarmMail: []string{"boss=a@example.jp"}},
		"en or ja":       {AlarmMail: []string{"a@example.jp/fr"}},
		"want HOST:PORT": {AlarmMail: []string{"a@example.jp"}},
		"secret of 16":   {AlarmWebhook: []string{"https://example.jp"}},
		"--alarm-url":    {AlarmURL: "example.jp"},
	} {
		_, err := f.config()
		require.ErrorContains(t, err, want)
	}
	t.Setenv("MEGURI_ALARM_WEBHOOK_SECRET", "0123456789abcdef")
	f := AlarmFlags{AlarmWebhook: []string{"https://example.jp/x"}, AlarmMail: []string{"quality=q@example.jp/ja"}, AlarmSMTP: "mail.example.jp:587", AlarmMailFrom: "hub@example.jp"}
	c, err := f.config()
	require.NoError(t, err)
	require.Equal(t, alarm.Recipient{Channel: alarm.Mail, To: "q@example.jp", Role: alarm.Quality, Language: "ja"}, c.Recipients[1])
}
