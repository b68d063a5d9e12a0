package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
)

// manyRows is a statement that works on many rows at once: before, the rows, after. Both databases call the columns of the rows
// column1, column2 and so on.
type manyRows struct {
	before, after string
	kinds         []string // of the columns: TEXT, BIGINT, BYTEA or BOOLEAN

	mu    sync.Mutex
	texts map[textKey]string
}

type textKey struct {
	engine engine
	rows   int
}

// insertRows adds rows to a table.
func insertRows(table, columns string, after string, kinds ...string) *manyRows {
	return &manyRows{before: "INSERT INTO " + table + " (" + columns + ") ", after: after, kinds: kinds}
}

// text is the statement for so many rows. The texts are kept: databases remember prepared statements by them.
func (b *manyRows) text(e engine, rows int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := textKey{e, rows}
	text, has := b.texts[key]
	if !has {
		if b.texts == nil {
			b.texts = map[textKey]string{}
		}
		text = b.before + e.rowsText(b.kinds, rows) + b.after
		b.texts[key] = text
	}
	return text
}

// run runs the statement on rows, whose values follow each other, with as few statements as it takes; it returns how many rows
// it changed.
func (b *manyRows) run(ctx context.Context, tx *Tx, values []any) (changed int64, err error) {
	width := len(b.kinds)
	for len(values) > 0 {
		n := tx.e.rowsAtOnce(len(values) / width)
		text := b.text(tx.e, tx.e.distinct(n))
		did, err := tx.exec(ctx, text, tx.e.rowsArgs(b.kinds, values[:n*width])...)
		if err != nil {
			return changed, naming(b.before, err)
		}
		changed += did
		values = values[n*width:]
	}
	return changed, nil
}

// manySizes are how many rows SQLite takes at once: a few sizes keep the number of different statements small. A statement costs
// as much as two or three rows, so there is one for each power of two.
var manySizes = [...]int{64, 32, 16, 8, 4, 2, 1}

func (sqliteEngine) rowsAtOnce(n int) int {
	for _, s := range manySizes {
		if s <= n {
			return s
		}
	}
	return 1
}

func (sqliteEngine) distinct(rows int) int { return rows }

// rowsText: parameters have no names. The driver asks for the name of each, and SQLite looks it up among all of the statement.
func (sqliteEngine) rowsText(kinds []string, rows int) string {
	row := "(?" + strings.Repeat(", ?", len(kinds)-1) + ")"
	return "VALUES " + row + strings.Repeat(", "+row, rows-1)
}

func (sqliteEngine) rowsArgs(_ []string, values []any) []any { return values }

// rowsAtOnce: an array has no bound that matters here.
func (postgresEngine) rowsAtOnce(n int) int { return min(n, 5000) }

// distinct: one statement serves any number of rows.
func (postgresEngine) distinct(int) int { return 1 }

// rowsText: each column is one parameter, an array.
func (postgresEngine) rowsText(kinds []string, _ int) string {
	var arrays, names []string
	for i, kind := range kinds {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, kind))
		names = append(names, fmt.Sprintf("column%d", i+1))
	}
	return "SELECT * FROM UNNEST(" + strings.Join(arrays, ", ") + ") AS u (" + strings.Join(names, ", ") + ")"
}

func (postgresEngine) rowsArgs(kinds []string, values []any) []any {
	arrays := make([]any, len(kinds))
	for c, kind := range kinds {
		switch kind {
		case "TEXT":
			arrays[c] = columnOf(values, c, len(kinds), textOf)
		case "BIGINT":
			arrays[c] = columnOf(values, c, len(kinds), numberOf)
		case "BYTEA":
			arrays[c] = columnOf(values, c, len(kinds), func(v any) []byte { return v.([]byte) })
		default:
			arrays[c] = columnOf(values, c, len(kinds), func(v any) bool { return v.(bool) })
		}
	}
	return arrays
}

func columnOf[T any](values []any, c, width int, of func(any) T) []T {
	column := make([]T, 0, len(values)/width)
	for ; c < len(values); c += width {
		column = append(column, of(values[c]))
	}
	return column
}

func textOf(v any) sql.NullString {
	if s, ok := v.(sql.NullString); ok {
		return s
	}
	return sql.NullString{String: v.(string), Valid: true}
}

func numberOf(v any) sql.NullInt64 {
	switch n := v.(type) {
	case sql.NullInt64:
		return n
	case int:
		return sql.NullInt64{Int64: int64(n), Valid: true}
	}
	return sql.NullInt64{Int64: v.(int64), Valid: true}
}
