package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pressly/goose/v3"

	"meguri/hub/people"
)

// BackupRow is a backup that was made, checked and is complete.
type BackupRow struct {
	ID       string
	File     string
	SHA256   string // of the file, hexadecimal
	Bytes    int64
	Began    time.Time // what it holds is not older than this
	Finished time.Time
}

// LogPosition is how far a log was taken.
type LogPosition struct {
	Device, Incarnation string
	Log                 uint8
	Next                uint64 // the number expected next
}

func scanPosition(row scanner) (p LogPosition, err error) {
	err = row.Scan(&p.Device, &p.Incarnation, &p.Log, &p.Next)
	return p, err
}

// LogPositions gives how far every log was taken.
func (tx *Tx) LogPositions(ctx context.Context) ([]LogPosition, error) {
	return list(ctx, tx, scanPosition, "SELECT device_id, incarnation, log, next_number FROM device_logs")
}

// SafePositions gives how far every log was taken in the newest backup.
func (tx *Tx) SafePositions(ctx context.Context) ([]LogPosition, error) {
	return list(ctx, tx, scanPosition, "SELECT device_id, incarnation, log, next_number FROM backup_positions")
}

// SaveSafePositions stores what a backup has. It never takes anything back: an older backup has no more than a newer one.
func (tx *Tx) SaveSafePositions(ctx context.Context, positions []LogPosition) error {
	rows := make([][]any, len(positions))
	for i, p := range positions {
		rows[i] = []any{p.Device, p.Incarnation, int64(p.Log), int64(p.Next)}
	}
	_, err := tx.insert(ctx, "backup_positions", []string{"device_id", "incarnation", "log", "next_number"}, rows,
		`ON CONFLICT (device_id, incarnation, log) DO UPDATE SET next_number = excluded.next_number
		WHERE excluded.next_number > backup_positions.next_number`)
	return err
}

// AddBackup notes a backup.
func (tx *Tx) AddBackup(ctx context.Context, b BackupRow) error {
	return tx.write(ctx, `INSERT INTO backups (id, sequence, file, sha256, bytes, began_at, finished_at)
		VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM backups), $2, $3, $4, $5, $6)`,
		b.ID, b.File, b.SHA256, b.Bytes, millis(b.Began), millis(b.Finished))
}

// Backups gives the newest backups first.
func (tx *Tx) Backups(ctx context.Context, most int) ([]BackupRow, error) {
	return list(ctx, tx, func(row scanner) (b BackupRow, err error) {
		var began, finished int64
		err = row.Scan(&b.ID, &b.File, &b.SHA256, &b.Bytes, &began, &finished)
		b.Began, b.Finished = fromMillis(began), fromMillis(finished)
		return b, err
	}, "SELECT id, file, sha256, bytes, began_at, finished_at FROM backups ORDER BY sequence DESC LIMIT $1", most)
}

// restoredJump is how far plan versions and command counters move on when the data goes back to a backup: above whatever was
// given out since, so that a device that has seen it takes what comes next.
const restoredJump = 1 << 20

// RecordRestore notes that this data was put back from a backup, and does what follows from it: every device has to say what
// it still holds before a gap in its log is taken for anything else, versions and counters move on, and links that were open
// then, and may have been used since, open nothing. It also ends what lets anybody in by what the backup knows: sessions, recovery codes
// and codes of authenticators that may have been used since, and keys that sign access tokens. Secrets that people and programs keep
// stay, as they were then: see OldSecrets.
func (tx *Tx) RecordRestore(ctx context.Context, id, file string, at time.Time) error {
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"INSERT INTO restores (id, file, restored_at) VALUES ($1, $2, $3)", []any{id, file, millis(at)}},
		{"UPDATE device_logs SET restored_at = $1", []any{millis(at)}},
		{"UPDATE devices SET plan_sent = plan_sent + $1, command_counter = command_counter + $1", []any{int64(restoredJump)}},
		{"UPDATE login_links SET used_at = $1 WHERE used_at IS NULL", []any{millis(at)}},
		{"UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL", []any{millis(at)}},
		{"UPDATE recovery_codes SET used_at = $1 WHERE used_at IS NULL", []any{millis(at)}},
		{"UPDATE totps SET used_step = $1 WHERE used_step < $1", []any{people.LastStep(at)}},
		{"UPDATE access_keys SET ends_at = $1 WHERE ends_at IS NULL OR ends_at > $1", []any{millis(at)}},
	} {
		if _, err := tx.exec(ctx, step.query, step.args...); err != nil {
			return fmt.Errorf("record the restore: %w", err)
		}
	}
	return nil
}

// OldSecrets are those who have to be looked after when the data went back to a backup, by id: persons whose recovery codes end, which is
// asked before RecordRestore, and clients whose secrets are those of then, also one that was changed or taken back since.
func (tx *Tx) OldSecrets(ctx context.Context) (persons, clients []string, err error) {
	persons, err = list(ctx, tx, scanText, `SELECT DISTINCT person_id FROM recovery_codes WHERE used_at IS NULL ORDER BY person_id`)
	if err != nil {
		return nil, nil, err
	}
	clients, err = list(ctx, tx, scanText, `SELECT id FROM clients WHERE revoked_at IS NULL ORDER BY id`)
	return persons, clients, err
}

// Snapshot runs fn with the name of a view of the data that other connections to PostgreSQL can join while fn runs, and with
// the positions in that very view.
func (s *Store) Snapshot(ctx context.Context, fn func(id string, positions []LogPosition) error) error {
	return s.Read(ctx, func(tx *Tx) error {
		var id string
		if err := tx.row(ctx, "SELECT pg_export_snapshot()").Scan(&id); err != nil {
			return fmt.Errorf("export a snapshot: %w", err)
		}
		positions, err := tx.LogPositions(ctx)
		if err != nil {
			return err
		}
		return fn(id, positions)
	})
}

// ErrNotABackup is a file that is no backup of a hub, or a broken one.
var ErrNotABackup = errors.New("not a backup of a hub")

// Contents is what a copy of a SQLite database holds.
type Contents struct {
	Schema    int64 // version
	Positions []LogPosition
	Rows      map[string]int64 // by table
}

// counted are tables whose rows are counted in a backup, for people to see.
var counted = []string{"devices", "events", "readings", "orders"}

// VacuumInto writes a copy of a SQLite database to a new file, while others read and write it.
func (s *Store) VacuumInto(ctx context.Context, file string) (err error) {
	// A connection of its own: the only one that writes must not be busy for so long, and those that read may not write a file.
	var from string
	if err := s.Read(ctx, func(tx *Tx) error {
		return tx.row(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&from)
	}); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", sqliteURL(from, "_pragma", "busy_timeout(10000)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", file)
	return err
}

// Inspect opens a copy of a SQLite database, changing nothing, and checks it: every page, every index and every reference.
func Inspect(ctx context.Context, file string) (c Contents, err error) {
	db, err := sql.Open("sqlite", sqliteURL(file, "mode", "ro", "immutable", "1"))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := inspectPages(ctx, db); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	if err := db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version WHERE is_applied").Scan(&c.Schema); err != nil {
		return c, fmt.Errorf("%s: %w: %w", file, ErrNotABackup, err)
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	t := &Tx{session: &sqliteSession{tx: tx}, e: sqliteEngine{}}
	if c.Positions, err = t.LogPositions(ctx); err != nil {
		return c, fmt.Errorf("%s: %w: %w", file, ErrNotABackup, err)
	}
	c.Rows = map[string]int64{}
	for _, table := range counted {
		var n int64
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			return c, fmt.Errorf("%s: %w: %w", file, ErrNotABackup, err)
		}
		c.Rows[table] = n
	}
	return c, nil
}

// SealedWith names the keys that names and contacts in a copy are sealed with.
func SealedWith(ctx context.Context, file string) (keys []string, err error) {
	db, err := sql.Open("sqlite", sqliteURL(file, "mode", "ro", "immutable", "1"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := texts(ctx, db, `SELECT name FROM sqlite_master WHERE name IN ('names', 'contact_keys')`) // an old copy has not both
	for _, table := range tables {
		var some []string
		if err == nil {
			some, err = texts(ctx, db, `SELECT DISTINCT key_id FROM `+table)
		}
		keys = append(keys, some...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), err
}

func inspectPages(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("%w: %w", ErrNotABackup, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrNotABackup, verdict)
	}
	rows, err := db.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	broken := rows.Next()
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if broken {
		return fmt.Errorf("%w: rows refer to rows that are not there", ErrNotABackup)
	}
	return nil
}

// SchemaVersion is the newest version of the schema that this hub knows.
func SchemaVersion() (int64, error) {
	all, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, err
	}
	newest := int64(0)
	for _, f := range all {
		v, err := goose.NumericComponent(f.Name())
		if err != nil {
			return 0, err
		}
		newest = max(newest, v)
	}
	return newest, nil
}
