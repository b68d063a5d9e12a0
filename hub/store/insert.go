package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// insertSizes are how many rows one statement inserts. A few fixed sizes keep the number of different statements small, for
// the databases remember prepared ones by their text. With 64 rows SQLite takes twice as long as with 16: it looks each
// parameter up by its name among all of the statement.
var insertSizes = []int{16, 4, 1}

// insert adds rows with as few statements as it takes and returns how many were added; tail may say ON CONFLICT.
func (tx *Tx) insert(ctx context.Context, table string, columns []string, rows [][]any, tail string) (int64, error) {
	var added int64
	for len(rows) > 0 {
		size := sizeFor(insertSizes, len(rows))
		var args []any
		for _, row := range rows[:size] {
			args = append(args, row...)
		}
		n, err := tx.exec(ctx, insertText(table, columns, size, tail), args...)
		if err != nil {
			return added, fmt.Errorf("insert into %s: %w", table, err)
		}
		added += n
		rows = rows[size:]
	}
	return added, nil
}

func insertText(table string, columns []string, rows int, tail string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		for c := range columns {
			b.WriteString(map[bool]string{true: "($", false: ", $"}[c == 0])
			b.WriteString(strconv.Itoa(r*len(columns) + c + 1))
		}
		b.WriteString(")")
	}
	return b.String() + " " + tail
}

// sizeFor is the largest of sizes, which fall to 1, that n rows fill.
func sizeFor(sizes []int, n int) int {
	for _, s := range sizes {
		if s <= n {
			return s
		}
	}
	return 1
}

func flat(rows [][]any) []any {
	all := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		all = append(all, row...)
	}
	return all
}

// valuesText is a VALUES list of typed parameters; both databases call its columns column1, column2 and so on.
func valuesText(rows int, types ...string) string {
	var b strings.Builder
	b.WriteString("VALUES ")
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for c, t := range types {
			if c > 0 {
				b.WriteString(", ")
			}
			n++
			b.WriteString("CAST($" + strconv.Itoa(n) + " AS " + t + ")")
		}
		b.WriteByte(')')
	}
	return b.String()
}
