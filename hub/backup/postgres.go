package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"meguri/hub/store"
)

type postgresCopy struct{}

// make dumps the database in the very view that the positions are read in.
func (postgresCopy) make(ctx context.Context, t Target, file string) ([]store.LogPosition, error) {
	env, _, err := environment(t.URL)
	if err != nil {
		return nil, err
	}
	var positions []store.LogPosition
	err = t.Store.Snapshot(ctx, func(snapshot string, at []store.LogPosition) error {
		positions = at
		_, err := run(ctx, env, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--snapshot="+snapshot, "--file="+file)
		return err
	})
	if err != nil {
		return nil, err
	}
	return positions, readable(ctx, file)
}

// readable reads a whole dump. Its parts are compressed, each with a checksum.
func readable(ctx context.Context, file string) error {
	contents, err := run(ctx, nil, "pg_restore", "--list", file)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrNotABackup, err)
	}
	for _, table := range []string{"devices", "device_logs", "events", "goose_db_version"} {
		if !strings.Contains(contents, "TABLE DATA public "+table+" ") {
			return fmt.Errorf("%s: %w: it has no table %s", file, store.ErrNotABackup, table)
		}
	}
	if _, err := run(ctx, nil, "pg_restore", "--file="+os.DevNull, file); err != nil {
		return fmt.Errorf("%w: %w", store.ErrNotABackup, err)
	}
	return nil
}

func (postgresCopy) check(ctx context.Context, file string) error {
	if err := checkMagic(file, postgresMagic); err != nil {
		return err
	}
	if err := checkSum(file); err != nil {
		return err
	}
	if err := readable(ctx, file); err != nil {
		return err
	}
	return newerSchema(ctx, file)
}

// newerSchema says when a dump is of a hub that is newer than this one.
func newerSchema(ctx context.Context, file string) error {
	versions, err := dumped(ctx, file, "goose_db_version", "version_id")
	if err != nil {
		return err
	}
	has := int64(0)
	for _, version := range versions {
		if v, err := strconv.ParseInt(version, 10, 64); err == nil {
			has = max(has, v)
		}
	}
	if has == 0 {
		return fmt.Errorf("%s: %w: it does not say of which version it is", file, store.ErrNotABackup)
	}
	return checkSchema(file, has)
}

// dumped gives a column of a table as a dump has it; none where it has no such table.
func dumped(ctx context.Context, file, table, column string) (values []string, err error) {
	rows, err := run(ctx, nil, "pg_restore", "--data-only", "--table="+table, "--file=-", file)
	if err != nil {
		return nil, err
	}
	at := -1
	for line := range strings.Lines(rows) {
		line = strings.TrimSuffix(line, "\n")
		if names, ok := strings.CutPrefix(line, "COPY public."+table+" ("); ok {
			names, _, _ = strings.Cut(names, ")")
			at = slices.Index(strings.Split(names, ", "), column)
		} else if line == `\.` { // the end of the rows
			at = -1
		} else if row := strings.Split(line, "\t"); at >= 0 && at < len(row) {
			values = append(values, row[at])
		}
	}
	return values, nil
}

func (postgresCopy) sealedWith(ctx context.Context, file string) (keys []string, err error) {
	for _, table := range []string{"names", "contact_keys"} {
		some, failed := dumped(ctx, file, table, "key_id")
		keys, err = append(keys, some...), errors.Join(err, failed)
	}
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// restore puts the dump into the schema public. One that is not empty keeps its tables under another name. What cannot be done
// whole is undone: data that was put back and does not know it must not be served.
func (postgresCopy) restore(ctx context.Context, address, file string, overwrite bool, now time.Time) (aside string, err error) {
	env, name, err := environment(address)
	if err != nil {
		return "", err
	}
	schema := store.AsideSchema(now)
	set, err := store.EmptyPostgres(ctx, address, overwrite, schema)
	if err != nil {
		return "", err
	}
	if set {
		aside = "schema " + schema
	}
	_, err = run(ctx, env, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges",
		"--schema=public", "--dbname="+name, file)
	put := err == nil // pg_restore puts all back, or nothing
	if put {
		err = recordRestore(ctx, address, file, now)
	}
	if err == nil {
		return aside, nil
	}
	ctx = context.WithoutCancel(ctx) // also when somebody has lost patience
	switch {
	case set:
		err = errors.Join(err, store.UndoEmptyPostgres(ctx, address, schema))
	case put:
		err = errors.Join(err, store.LeavePostgres(ctx, address, store.LeftSchema(now)))
	}
	return "", err
}

// maxOutput bounds what is repeated of a program's complaints.
const maxOutput = 2000

// run runs one of PostgreSQL's own programs. What it needs to know of the database comes in its environment, for its arguments
// are seen by everybody on the machine.
func run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; it comes with PostgreSQL's client programs: %w", program, err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(cleanEnvironment(), env...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(complaints.String())
		return "", fmt.Errorf("%s: %w: %s", program, err, text[:min(len(text), maxOutput)])
	}
	return out.String(), nil
}

// cleanEnvironment is that of the hub without what would lead PostgreSQL's programs elsewhere. Where the password is stays in it, for the
// hub's own connections take it from there too.
func cleanEnvironment() []string {
	var all []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PG") || strings.HasPrefix(e, "PGPASSWORD=") || strings.HasPrefix(e, "PGPASSFILE=") {
			all = append(all, e)
		}
	}
	return append(all, "PGCONNECT_TIMEOUT=10")
}

// variables of PostgreSQL's client library for parameters of a URL. Others are the hub's driver's own.
var variables = map[string]string{"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
	"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "options": "PGOPTIONS",
	"application_name": "PGAPPNAME", "passfile": "PGPASSFILE"}

// environment gives a URL as variables, and the name of the database.
func environment(address string) (env []string, database string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", errors.New("database: the URL cannot be read") // it may hold a password
	}
	values := map[string]string{"host": u.Hostname(), "port": u.Port(), "user": u.User.Username(), "dbname": strings.TrimPrefix(u.Path, "/")}
	values["password"], _ = u.User.Password()
	for name, v := range u.Query() {
		values[name] = v[0]
	}
	for name, v := range values {
		if variable, ok := variables[name]; ok && v != "" {
			env = append(env, variable+"="+v)
		}
	}
	return env, values["dbname"], nil
}
