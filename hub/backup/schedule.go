package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meguri/hub/store"
)

// Schedule makes backups again and again.
type Schedule struct {
	Every time.Duration // between the beginnings of two, in the machine's own time; 0 for never
	Dir   string
	Keep  int // how many of its own files stay; 1 or more
}

// Check says what is wrong with a schedule.
func (s Schedule) Check() error {
	switch {
	case s.Every == 0:
		return nil
	case s.Every < time.Minute:
		return fmt.Errorf("backups every %s: want a minute or more", s.Every)
	case s.Dir == "":
		return errors.New("backups need a directory")
	case s.Keep < 1:
		return fmt.Errorf("keep %d backups: want 1 or more", s.Keep)
	}
	return nil
}

// AlarmFailed is the kind of alarm that is raised while backups fail: devices keep what they cannot delete.
const AlarmFailed = "backup_failed"

const (
	filePrefix = "hub-"
	fileTime   = "20060102T150405Z"
)

// Run makes a backup when the newest is Every old, and so on until ctx ends; then it returns its error. Done is called after
// each, good or not. A disk that is not there fails a backup and not the hub.
func (s Schedule) Run(ctx context.Context, t Target, l *slog.Logger, done func()) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil { // only now: of a disk that goes away later no other one takes the place
		l.Error("no directory for backups", "error", err)
	}
	wait, err := s.first(ctx, t)
	if err != nil && ctx.Err() == nil {
		l.Warn("cannot see when the last backup was made, and makes one now", "error", err)
	}
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		began := time.Now()
		s.once(ctx, t, l)
		done()
		wait = max(0, s.Every-time.Since(began))
	}
}

// first is how long to wait before the first one: a hub that is started often must not make one each time.
func (s Schedule) first(ctx context.Context, t Target) (time.Duration, error) {
	var newest []store.BackupRow
	err := t.Store.Read(ctx, func(tx *store.Tx) (err error) {
		newest, err = tx.Backups(ctx, 1)
		return err
	})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	age := t.Now().Sub(newest[0].Finished)
	if age < 0 {
		age = s.Every // the clock was set back
	}
	return max(0, s.Every-age), nil
}

func (s Schedule) once(ctx context.Context, t Target, l *slog.Logger) {
	name := filepath.Join(s.Dir, filePrefix+t.Now().UTC().Format(fileTime)+extension(t.URL))
	row, err := Take(ctx, t, name)
	if ctx.Err() != nil {
		return
	}
	now := t.Now()
	stored := t.Store.Change(ctx, func(tx *store.Tx) error {
		if err == nil {
			return tx.ClearAlarm(ctx, AlarmFailed, "hub", now)
		}
		last, failed := tx.Backups(ctx, 1) // one alarm until there is a good one again
		if failed != nil {
			return failed
		}
		id := AlarmFailed + "/"
		for _, b := range last {
			id += b.ID
		}
		return tx.RaiseAlarm(ctx, id, AlarmFailed, "hub",
			store.Said("a backup could not be made: devices keep what they have sent until there is one. "+err.Error(),
				"バックアップを作成できません。作成できるまで各機器は送信済みの記録を保持します。"+err.Error()), now)
	})
	if stored != nil {
		l.Error("cannot store whether backups fail", "error", stored)
	}
	if err != nil {
		l.Error("backup failed, and is tried again next time", "error", err)
		return
	}
	l.Info("backup made", "file", row.File, "bytes", row.Bytes, "took", row.Finished.Sub(row.Began).Round(time.Millisecond))
	if err := s.prune(row.File); err != nil {
		l.Warn("cannot remove old backups", "error", err)
	}
}

// extension tells the kind of a backup's database by its name.
func extension(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return ".db"
	}
	return ".dump"
}

// prune removes the oldest of the schedule's own files, beyond Keep, by their names. The one that was just made stays: by it
// devices delete, and a clock that was set back gives it an old name. Others in the directory are not its own.
func (s Schedule) prune(made string) error {
	ext := filepath.Ext(made)
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	var own []string
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), filePrefix)
		stamp, is := strings.CutSuffix(stamp, ext)
		if _, err := time.Parse(fileTime, stamp); ok && is && err == nil && e.Type().IsRegular() && e.Name() != filepath.Base(made) {
			own = append(own, e.Name())
		}
	}
	slices.Sort(own) // by time
	for _, name := range own[:max(0, len(own)+1-s.Keep)] {
		file := filepath.Join(s.Dir, name)
		if err := os.Remove(file); err != nil {
			return err
		}
		if err := os.Remove(file + sums); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
