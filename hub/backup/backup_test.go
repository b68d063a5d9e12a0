package backup_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/backup"
	"meguri/hub/fleet"
	"meguri/hub/retention"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

var now = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

const incarnation = "00112233445566778899aabbccddeeff"

// fill makes a database with one device whose events were taken up to, without, next.
func fill(t *testing.T, url string, next uint64) *store.Store {
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	change(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.AddDevice(ctx, fleet.Device{ID: "d-1", Place: "loc-1", Role: fleet.Station, AddedAt: now, AddedBy: "test"})
	})
	take(t, s, next)
	return s
}

func take(t *testing.T, s *store.Store, next uint64) {
	change(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveDeviceLog(ctx, "d-1", fleet.Log{Incarnation: incarnation, Log: 1, Next: next, State: fleet.Current})
	})
}

func change(t *testing.T, s *store.Store, fn func(context.Context, *store.Tx) error) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }))
}

func target(s *store.Store, url string) backup.Target {
	return backup.Target{Store: s, URL: url, Now: func() time.Time { return now }}
}

func upto(t *testing.T, s *backup.Safe, applied uint64) uint64 {
	require.NoError(t, s.Load(t.Context()))
	i, err := protocol.ParseIncarnation(incarnation)
	require.NoError(t, err)
	return s.Upto("d-1", i, protocol.Events, applied)
}

func TestBackups(t *testing.T) {
	storetest.EachBare(t, func(t *testing.T, empty func() string) {
		for name, test := range map[string]func(*testing.T, func() string){
			"safe is what is in the newest backup":               testSafeIsWhatIsInTheNewestBackup,
			"a backup comes back whole":                          testABackupComesBackWhole,
			"nothing is written over unasked":                    testNothingIsWrittenOverUnasked,
			"what is not whole is not restored":                  testWhatIsNotWholeIsNotRestored,
			"a database that is written meanwhile is no trouble": testABackupWhileOthersWrite,
			"a database of a newer hub is not restored":          testADatabaseOfANewerHubIsNotRestored,
			"a restore that cannot be recorded is undone":        testARestoreThatCannotBeRecordedIsUndone,
		} {
			t.Run(name, func(t *testing.T) { test(t, empty) })
		}
	})
}

func testSafeIsWhatIsInTheNewestBackup(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	defer func() { require.NoError(t, s.Close()) }()
	safe := backup.NewSafe(s, slog.New(slog.DiscardHandler))
	require.Zero(t, upto(t, safe, 4), "nothing without a backup")
	dir := t.TempDir()
	row, err := backup.Take(t.Context(), target(s, url), filepath.Join(dir, "one"))
	require.NoError(t, err)
	require.FileExists(t, row.File)
	require.NoFileExists(t, row.File+".partial")
	take(t, s, 9)
	require.EqualValues(t, 4, upto(t, safe, 8), "what came after the backup is in none")
	require.EqualValues(t, 3, upto(t, safe, 3), "and never more than is applied")
	_, err = backup.Take(t.Context(), target(s, url), filepath.Join(dir, "missing", "two"))
	require.Error(t, err)
	require.EqualValues(t, 4, upto(t, safe, 8), "a backup that failed makes nothing safe")
	_, err = backup.Take(t.Context(), target(s, url), filepath.Join(dir, "two"))
	require.NoError(t, err)
	require.EqualValues(t, 8, upto(t, safe, 8))
	require.EqualValues(t, 8, upto(t, backup.NewSafe(s, slog.New(slog.DiscardHandler)), 8), "a hub that starts knows it from the database")
}

func testABackupComesBackWhole(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	change(t, s, func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.Device(ctx, "d-1")
		d.PlanSent, d.CommandCounter = 7, 9
		if err == nil {
			err = tx.SaveDevice(ctx, d)
		}
		return err
	})
	file := filepath.Join(t.TempDir(), "one")
	_, err := backup.Take(t.Context(), target(s, url), file)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	other := empty()
	aside, err := backup.Restore(t.Context(), other, file, false, now)
	require.NoError(t, err)
	require.Empty(t, aside)
	back, err := store.Open(t.Context(), other)
	require.NoError(t, err)
	defer func() { require.NoError(t, back.Close()) }()
	change(t, back, func(ctx context.Context, tx *store.Tx) error {
		l, known, err := tx.DeviceLog(ctx, "d-1", incarnation, 1)
		require.NoError(t, err)
		require.True(t, known)
		require.EqualValues(t, 5, l.Next)
		require.True(t, l.Restored)
		d, err := tx.Device(ctx, "d-1")
		require.NoError(t, err)
		require.Greater(t, d.PlanSent, uint64(1_000_000), "above whatever was given out since")
		require.Greater(t, d.CommandCounter, uint64(1_000_000))
		work, err := tx.Work(ctx, false, 10)
		require.NoError(t, err)
		require.Equal(t, "restored", work[0].Kind)
		ever, err := tx.EverRestored(ctx)
		require.True(t, ever)
		return err
	})
}

func testNothingIsWrittenOverUnasked(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	file := filepath.Join(t.TempDir(), "one")
	_, err := backup.Take(t.Context(), target(s, url), file)
	require.NoError(t, err)
	_, err = backup.Take(t.Context(), target(s, url), file)
	require.ErrorContains(t, err, "not written over")
	take(t, s, 9)

	_, err = backup.Restore(t.Context(), url, file, true, now)
	if strings.HasPrefix(url, "postgres") {
		require.ErrorIs(t, err, store.ErrInUse, "a hub is connected")
	}
	require.NoError(t, s.Close())
	_, err = backup.Restore(t.Context(), url, file, false, now)
	require.ErrorContains(t, err, "--overwrite")
	aside, err := backup.Restore(t.Context(), url, file, true, now.Add(time.Second))
	require.NoError(t, err)
	require.NotEmpty(t, aside)
	if name, ok := strings.CutPrefix(aside, "/"); ok {
		require.FileExists(t, "/"+name, "what was there is kept")
	}
	back, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	keptForAWhile(t, back, strings.TrimPrefix(aside, "schema "))
	change(t, back, func(ctx context.Context, tx *store.Tx) error {
		l, _, err := tx.DeviceLog(ctx, "d-1", incarnation, 1)
		require.EqualValues(t, 5, l.Next)
		return err
	})
	require.NoError(t, back.Close())
}

// keptForAWhile: what a restore has set aside holds who is erased since, so that it must not stay for ever; nothing else is dropped with it.
func keptForAWhile(t *testing.T, s *store.Store, aside string) {
	t.Helper()
	ctx := t.Context()
	there := func() (names []string) {
		all, err := s.Asides(ctx)
		require.NoError(t, err)
		for _, a := range all {
			names = append(names, a.Name)
			require.WithinDuration(t, now, a.At, 2*time.Second)
		}
		return names
	}
	had := there() // on SQLite a restore before has set one aside, too
	require.Contains(t, had, aside)
	require.ErrorIs(t, s.DropAside(ctx, "public"), store.ErrNotFound)
	require.ErrorIs(t, s.DropAside(ctx, aside+"-wal"), store.ErrNotFound)
	deleted, err := retention.Run(ctx, s.Retention(), "2026-12-30", now.AddDate(0, 0, 29))
	require.NoError(t, err)
	require.Zero(t, deleted[retention.SetAside])
	require.Equal(t, had, there())
	all, err := s.Retention().Retained(ctx)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(all, func(r retention.Status) bool { return r.Name == retention.SetAside && !r.Oldest.IsZero() }))
	deleted, err = retention.Run(ctx, s.Retention(), "2027-01-01", now.AddDate(0, 0, 31))
	require.NoError(t, err)
	require.Equal(t, len(had), deleted[retention.SetAside])
	require.Empty(t, there())
	if strings.HasPrefix(aside, "/") {
		left, err := filepath.Glob(aside + "*")
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func testWhatIsNotWholeIsNotRestored(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	dir := t.TempDir()
	file := filepath.Join(dir, "one")
	_, err := backup.Take(t.Context(), target(s, url), file)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	sum, err := os.ReadFile(file + ".sha256")
	require.NoError(t, err)
	flipped := append([]byte{}, whole...)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		content, sum []byte
	}{
		"a flipped bit":   {flipped, sum},
		"cut short":       {whole[:len(whole)*2/3], nil},
		"empty":           {nil, nil},
		"something else":  {[]byte("this is no backup at all"), nil},
		"only its header": {whole[:16], nil},
	} {
		bad := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		require.NoError(t, os.WriteFile(bad, c.content, 0o600))
		if c.sum != nil {
			require.NoError(t, os.WriteFile(bad+".sha256", c.sum, 0o600))
		}
		_, err := backup.Restore(t.Context(), url, bad, true, now)
		require.ErrorIs(t, err, store.ErrNotABackup, name)
	}
	_, err = backup.Restore(t.Context(), url, filepath.Join(dir, "missing"), true, now)
	require.ErrorIs(t, err, os.ErrNotExist)
	back, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	change(t, back, func(ctx context.Context, tx *store.Tx) error {
		ever, err := tx.EverRestored(ctx)
		require.False(t, ever, "nothing was touched")
		return err
	})
	require.NoError(t, back.Close())
}

func testABackupWhileOthersWrite(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan uint64)
	go func() {
		next := uint64(5)
		for ctx.Err() == nil {
			err := s.Change(t.Context(), func(tx *store.Tx) error {
				return tx.SaveDeviceLog(t.Context(), "d-1", fleet.Log{Incarnation: incarnation, Log: 1, Next: next + 1, State: fleet.Current})
			})
			if err == nil {
				next++
			}
		}
		written <- next
	}()
	file := filepath.Join(t.TempDir(), "one")
	_, err := backup.Take(t.Context(), target(s, url), file)
	cancel()
	last := <-written
	require.NoError(t, err)
	safe := upto(t, backup.NewSafe(s, slog.New(slog.DiscardHandler)), last-1)

	other := empty()
	_, err = backup.Restore(t.Context(), other, file, false, now)
	require.NoError(t, err)
	back, err := store.Open(t.Context(), other)
	require.NoError(t, err)
	change(t, back, func(ctx context.Context, tx *store.Tx) error {
		l, _, err := tx.DeviceLog(ctx, "d-1", incarnation, 1)
		require.Equal(t, l.Next-1, safe, "safe is what is in the copy, to the number")
		return err
	})
	require.NoError(t, back.Close())
}

func TestAFileOfTheOtherDatabaseIsNamedAsThat(t *testing.T) {
	dir := t.TempDir()
	dump := filepath.Join(dir, "hub.dump")
	require.NoError(t, os.WriteFile(dump, []byte("PGDMP\x01\x0e and so on, far enough"), 0o600))
	_, err := backup.Restore(t.Context(), storetest.SQLite(t), dump, false, now)
	require.ErrorContains(t, err, "a backup of a PostgreSQL database")
}

// raw changes a database behind the store's back.
func raw(t *testing.T, url, query string) {
	driver, source := "pgx", url
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+file
	}
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), query)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// Data that was put back and does not know it would name gaps wrongly and give out versions twice.
func testARestoreThatCannotBeRecordedIsUndone(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	dir := t.TempDir()
	good, odd := filepath.Join(dir, "good"), filepath.Join(dir, "odd")
	_, err := backup.Take(t.Context(), target(s, url), good)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	other, broken := empty(), empty()
	s = fill(t, broken, 7)
	raw(t, broken, "DROP TABLE restores")
	_, err = backup.Take(t.Context(), target(s, broken), odd)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = backup.Restore(t.Context(), other, odd, false, now)
	require.ErrorContains(t, err, "record the restore")
	_, err = backup.Restore(t.Context(), url, odd, true, now)
	require.ErrorContains(t, err, "record the restore")
	back, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	change(t, back, func(ctx context.Context, tx *store.Tx) error {
		l, _, err := tx.DeviceLog(ctx, "d-1", incarnation, 1)
		require.EqualValues(t, 5, l.Next, "what was there is there again")
		return err
	})
	require.NoError(t, back.Close())
	_, err = backup.Restore(t.Context(), other, good, false, now)
	require.NoError(t, err, "and what was empty is empty")
}

func testADatabaseOfANewerHubIsNotRestored(t *testing.T, empty func() string) {
	url := empty()
	s := fill(t, url, 5)
	dir := t.TempDir()
	good, newer := filepath.Join(dir, "good"), filepath.Join(dir, "newer")
	_, err := backup.Take(t.Context(), target(s, url), good)
	require.NoError(t, err)
	raw(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (90001, TRUE)")
	_, err = backup.Take(t.Context(), target(s, url), newer)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	other := empty()
	_, err = backup.Restore(t.Context(), other, newer, false, now)
	require.ErrorIs(t, err, store.ErrNewerSchema)
	_, err = backup.Restore(t.Context(), other, good, false, now)
	require.NoError(t, err, "nothing was touched")
}

// The power may go when the old database is set aside already. A hub that came up on an empty one would know no device.
func TestARestoreThatWasCutOffIsDoneAgainBeforeAHubRuns(t *testing.T) {
	url := storetest.SQLite(t)
	file := strings.TrimPrefix(url, "sqlite:")
	s := fill(t, url, 5)
	kept := filepath.Join(t.TempDir(), "one")
	_, err := backup.Take(t.Context(), target(s, url), kept)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Rename(file, file+".before-restore"))
	require.NoError(t, os.WriteFile(file+".partial", []byte("some of it"), 0o600))
	_, err = store.Open(t.Context(), url)
	require.ErrorIs(t, err, store.ErrHalfRestored)
	require.NoFileExists(t, file)
	_, err = backup.Restore(t.Context(), url, kept, false, now)
	require.NoError(t, err)
	s, err = store.Open(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestOnlyOneHubRunsOnASQLiteDatabase(t *testing.T) {
	url := storetest.SQLite(t)
	release, err := store.Exclusive(url)
	require.NoError(t, err)
	began := time.Now()
	_, err = store.Exclusive(url)
	require.ErrorIs(t, err, store.ErrInUse)
	require.Less(t, time.Since(began), 2*time.Second)
	s := fill(t, url, 5)
	file := filepath.Join(t.TempDir(), "one")
	_, err = backup.Take(t.Context(), target(s, url), file)
	require.NoError(t, err, "a backup is made beside a running hub")
	require.NoError(t, s.Close())
	_, err = backup.Restore(t.Context(), url, file, true, now)
	require.ErrorIs(t, err, store.ErrInUse, "a restore is not")
	require.NoError(t, release())
	release, err = store.Exclusive(url)
	require.NoError(t, err)
	require.NoError(t, release())
	release, err = store.Exclusive("postgres://anywhere")
	require.NoError(t, err, "several hubs may run on one PostgreSQL")
	require.NoError(t, release())
}

func TestBackupsAreMadeOnTimeKeptAndMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		url := storetest.SQLite(t)
		s := fill(t, url, 5)
		dir := filepath.Join(t.TempDir(), "backups")
		done := make(chan struct{}, 1)
		schedule := backup.Schedule{Every: time.Hour, Dir: dir, Keep: 2}
		require.NoError(t, schedule.Check())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		logger := slog.New(slog.DiscardHandler)
		tgt := backup.Target{Store: s, URL: url, Now: time.Now}
		go func() { ended <- schedule.Run(ctx, tgt, logger, func() { done <- struct{}{} }) }()
		files := func() []string {
			all, err := filepath.Glob(filepath.Join(dir, "hub-*.db"))
			require.NoError(t, err)
			return all
		}
		<-done
		require.Len(t, files(), 1, "the first at once: there is none yet")
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hub-of-mine.db"), nil, 0o600))
		oldest := files()[0]
		for range 2 {
			began := time.Now()
			<-done
			require.Equal(t, time.Hour, time.Since(began).Round(time.Second))
		}
		require.Len(t, files(), 3, "two of its own, and what is not its own")
		require.NoFileExists(t, oldest)

		alarms := func() int {
			var open []store.AlarmView
			change(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
				open, err = tx.AlarmsNow(ctx, time.Now(), 10)
				return err
			})
			return len(open)
		}
		require.NoError(t, os.Rename(dir, dir+"-away"))
		<-done
		<-done
		require.Equal(t, 1, alarms(), "one, however often it fails")
		require.NoError(t, os.Rename(dir+"-away", dir))
		<-done
		require.Zero(t, alarms())
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)

		// A hub that starts again does not make one at once.
		ctx, cancel = context.WithCancel(t.Context())
		began := time.Now()
		time.Sleep(10 * time.Minute)
		go func() { ended <- schedule.Run(ctx, tgt, logger, func() { done <- struct{}{} }) }()
		<-done
		require.Equal(t, time.Hour, time.Since(began).Round(time.Second))
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, s.Close())
	})
}

func TestADiskThatIsNotThereFailsBackupsAndNotTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		url := storetest.SQLite(t)
		s := fill(t, url, 5)
		file := filepath.Join(t.TempDir(), "a file, no directory")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		ctx, cancel := context.WithCancel(t.Context())
		ended, done := make(chan error), make(chan struct{})
		schedule := backup.Schedule{Every: time.Hour, Dir: filepath.Join(file, "backups"), Keep: 2}
		go func() {
			ended <- schedule.Run(ctx, backup.Target{Store: s, URL: url, Now: time.Now}, slog.New(slog.DiscardHandler), func() { done <- struct{}{} })
		}()
		<-done
		change(t, s, func(ctx context.Context, tx *store.Tx) error {
			open, err := tx.AlarmsNow(ctx, time.Now(), 10)
			require.Len(t, open, 1)
			return err
		})
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, s.Close())
	})
}

func TestAScheduleThatMakesNoSenseIsRefused(t *testing.T) {
	for _, s := range []backup.Schedule{{Every: time.Second, Dir: "d", Keep: 1}, {Every: time.Hour, Keep: 1}, {Every: time.Hour, Dir: "d"}} {
		require.Error(t, s.Check())
	}
	require.NoError(t, backup.Schedule{}.Check())
}
