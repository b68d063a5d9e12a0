package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// oneOf is a check that a column has one of some words.
var oneOf = regexp.MustCompile(`CHECK \((\w+) IN \(((?:'\w*'[,\s]*){3,})\)\)`)

// plainChecks writes col IN ('a', 'b', 'c') as col = 'a' OR col = 'b' OR col = 'c', which says the same. SQLite fills a table in
// memory with the words of such a list, and in a check it does so for each row: of placing an order that was half.
func plainChecks(table string) string {
	return oneOf.ReplaceAllStringFunc(table, func(check string) string {
		m := oneOf.FindStringSubmatch(check)
		var each []string
		for _, word := range strings.Split(m[2], ",") {
			each = append(each, m[1]+" = "+strings.TrimSpace(word))
		}
		return "CHECK (" + strings.Join(each, " OR ") + ")"
	})
}

// migrated rewrites the checks of tables that migrations have made, which serve PostgreSQL, too. It changes no row: it is SQLite's
// own way to change a check (its documentation of ALTER TABLE, "making other kinds of table schema changes"), and takes a moment.
func (sqliteEngine) migrated(ctx context.Context, db *sql.DB) error {
	tables, err := lists(ctx, db)
	if err != nil || len(tables) == 0 {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	err = rewrite(ctx, conn, tables)
	if err != nil {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = fmt.Errorf("rewrite checks: %w", errors.Join(err, back))
	}
	_, off := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA writable_schema = OFF")
	return errors.Join(err, off, conn.Close())
}

// lists gives the tables that have checks to be rewritten, with what they become.
func lists(ctx context.Context, db *sql.DB) (tables map[string]string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%CHECK (% IN (%'")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	tables = map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		if plain := plainChecks(text); plain != text {
			tables[name] = plain
		}
	}
	return tables, rows.Err()
}

// rewrite is one transaction: what SQLite could not read again is not committed.
func rewrite(ctx context.Context, conn *sql.Conn, tables map[string]string) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA writable_schema = ON"); err != nil {
		return err
	}
	for name, text := range tables {
		if _, err := conn.ExecContext(ctx, "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", text, name); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	var version int64 // other connections read the schema again when it has changed
	if err := conn.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return err
	}
	for _, text := range []string{fmt.Sprintf("PRAGMA schema_version = %d", version+1), "PRAGMA writable_schema = RESET",
		"SELECT COUNT(*) FROM sqlite_schema", "COMMIT"} {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
