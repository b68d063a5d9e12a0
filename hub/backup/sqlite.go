package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"meguri/hub/store"
	"meguri/internal/durable"
)

type sqliteCopy struct{}

func (sqliteCopy) make(ctx context.Context, t Target, file string) ([]store.LogPosition, error) {
	var before []store.LogPosition
	err := t.Store.Read(ctx, func(tx *store.Tx) (err error) {
		before, err = tx.LogPositions(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := t.Store.VacuumInto(ctx, file); err != nil {
		return nil, err
	}
	c, err := store.Inspect(ctx, file)
	if err != nil {
		return nil, err
	}
	return c.Positions, covers(c.Positions, before)
}

// covers says when a copy has less than the database had before it was made.
func covers(have, before []store.LogPosition) error {
	type key struct {
		device, incarnation string
		log                 uint8
	}
	next := map[key]uint64{}
	for _, p := range have {
		next[key{p.Device, p.Incarnation, p.Log}] = p.Next
	}
	for _, p := range before {
		if got := next[key{p.Device, p.Incarnation, p.Log}]; got < p.Next {
			return fmt.Errorf("%w: log %d of %s reaches to %d, the database had %d", store.ErrNotABackup, p.Log, p.Device, got, p.Next)
		}
	}
	return nil
}

func (sqliteCopy) check(ctx context.Context, file string) error {
	if err := checkMagic(file, sqliteMagic); err != nil {
		return err
	}
	if err := checkSum(file); err != nil {
		return err
	}
	c, err := store.Inspect(ctx, file)
	if err != nil {
		return err
	}
	return checkSchema(file, c.Schema)
}

func (sqliteCopy) sealedWith(ctx context.Context, file string) ([]string, error) {
	return store.SealedWith(ctx, file)
}

// checkSchema says when a copy has a version of the schema that this hub does not know.
func checkSchema(file string, has int64) error {
	knows, err := store.SchemaVersion()
	if err == nil && has > knows {
		err = fmt.Errorf("%s: %w: it has version %d, this one knows versions up to %d", file, store.ErrNewerSchema, has, knows)
	}
	return err
}

// restore prepares the copy under another name, up to the last step, so that the database is either the old or the whole new
// one. When the power goes between the two renames there is none, and store.ErrHalfRestored until it is done again.
func (sqliteCopy) restore(ctx context.Context, url, file string, overwrite bool, now time.Time) (aside string, err error) {
	database := strings.TrimPrefix(url, "sqlite:")
	release, err := store.Exclusive(url)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	occupied := false // also by files that are left from another one and would be taken for its own
	for _, end := range store.SQLiteBeside {
		if _, err := os.Lstat(database + end); !errors.Is(err, fs.ErrNotExist) {
			occupied = true
		}
	}
	if occupied && !overwrite {
		return "", fmt.Errorf("%s is there already: --overwrite sets it aside", database)
	}
	made := database + store.Partial
	for _, end := range store.SQLiteBeside {
		if err := os.Remove(made + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := durable.Copy(file, made, 0o600); err != nil {
		return "", err
	}
	if err := recordRestore(ctx, "sqlite:"+made, file, now); err != nil { // closing it leaves one file
		return "", errors.Join(err, os.Remove(made))
	}
	if err := durable.Sync(made); err != nil {
		return "", err
	}
	if occupied {
		aside = store.AsideFile(database, now)
		for _, end := range store.SQLiteBeside {
			if err := os.Rename(database+end, aside+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
	}
	return aside, durable.Rename(made, database)
}
