package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Aside is a database that a restore has set aside. It holds all that it held, also who is erased afterwards, until it is dropped.
type Aside struct {
	Name string // the path of a file, or of a schema of PostgreSQL
	At   time.Time
}

// How such databases are called, and when they were set aside.
const (
	asideFile   = ".before-restore-"
	asideFileAt = "20060102T150405.000Z"
	asideSchema = "before_restore_"
	leftSchema  = "failed_restore_" // of a restore that could not be finished
	schemaAt    = "20060102t150405"
)

// SQLiteBeside are the files that SQLite keeps beside a database, and the database's own.
var SQLiteBeside = []string{"", "-wal", "-shm", "-journal"}

// AsideFile is what a SQLite database is called that is set aside at a time.
func AsideFile(database string, at time.Time) string {
	return database + asideFile + at.UTC().Format(asideFileAt)
}

// AsideSchema is what the schema of a database is called that is set aside at a time, and LeftSchema that of what could not be put back.
func AsideSchema(at time.Time) string { return asideSchema + at.UTC().Format(schemaAt) }

// LeftSchema is what the schema is called of a restore that was begun at a time and could not be finished.
func LeftSchema(at time.Time) string { return leftSchema + at.UTC().Format(schemaAt) }

// Asides lists the databases that restores have set aside, the oldest first.
func (s *Store) Asides(ctx context.Context) ([]Aside, error) {
	all, err := s.database.asides(ctx)
	if err != nil {
		return nil, fmt.Errorf("what restores have set aside: %w", err)
	}
	slices.SortFunc(all, func(a, b Aside) int { return a.At.Compare(b.At) })
	return all, nil
}

// DropAside drops one by its name, for ever; ErrNotFound when there is none.
func (s *Store) DropAside(ctx context.Context, name string) error {
	all, err := s.Asides(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(a Aside) bool { return a.Name == name }) { // nothing else is dropped, whatever the name is
		return fmt.Errorf("%q: no restore has set that aside: %w", name, ErrNotFound)
	}
	return s.database.dropAside(ctx, name)
}

// dropAsides drops up to most that were set aside before a time.
func (s *Store) dropAsides(ctx context.Context, before time.Time, most int) (dropped int, more bool, err error) {
	all, err := s.Asides(ctx)
	for _, a := range all {
		if err != nil || !a.At.Before(before) {
			return dropped, false, err
		}
		if dropped == most {
			return dropped, true, nil
		}
		if err = s.database.dropAside(ctx, a.Name); err == nil {
			dropped++
		}
	}
	return dropped, false, err
}

func (d *sqliteDatabase) asides(context.Context) (all []Aside, err error) {
	dir, name := filepath.Split(d.file)
	files, err := os.ReadDir(filepath.Clean(dir)) // the empty one is this
	for _, f := range files {
		text, is := strings.CutPrefix(f.Name(), name+asideFile)
		for _, end := range SQLiteBeside[1:] { // what is left of one whose database is gone
			text = strings.TrimSuffix(text, end)
		}
		at, no := time.Parse(asideFileAt, text)
		if is && no == nil && f.Type().IsRegular() {
			all = append(all, Aside{dir + name + asideFile + text, at})
		}
	}
	return slices.Compact(all), err // the files of a directory come by name: those of one database beside each other
}

func (d *sqliteDatabase) dropAside(_ context.Context, name string) error {
	for _, end := range slices.Backward(SQLiteBeside) { // the database last: without it nobody would find what else is left
		if err := os.Remove(name + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *postgresDatabase) asides(ctx context.Context) (all []Aside, err error) {
	rows, err := d.migrate.QueryContext(ctx, "SELECT nspname FROM pg_namespace")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		for _, begin := range []string{asideSchema, leftSchema} {
			text, is := strings.CutPrefix(name, begin)
			if at, no := time.Parse(schemaAt, text); is && no == nil {
				all = append(all, Aside{name, at})
			}
		}
	}
	return all, rows.Err()
}

func (d *postgresDatabase) dropAside(ctx context.Context, name string) error {
	var foreign string
	switch err := d.migrate.QueryRowContext(ctx, `SELECT e.extname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname = $1
		ORDER BY e.extname LIMIT 1`, name).Scan(&foreign); {
	case err == nil: // other schemas may use it, and would lose their columns
		return fmt.Errorf("schema %s: the extension %s is in it: move that first (ALTER EXTENSION %[2]s SET SCHEMA public)", name, foreign)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	_, err := d.migrate.ExecContext(ctx, `DROP SCHEMA "`+name+`" CASCADE`) // one that asides has found: letters, digits and _
	return err
}
