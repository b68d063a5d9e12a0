package label

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxLabels is how many are printed at once.
const MaxLabels = 10_000

// Read reads labels from CSV: a column code, perhaps one kind, and any others whose name begins with text, for the words. kind is that
// of rows without one. Errors name the line.
func Read(r io.Reader, kind Kind) ([]Label, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: want the names of columns: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // as spreadsheets write it
	code, kinds := slices.Index(head, "code"), slices.Index(head, "kind")
	if code < 0 {
		return nil, fmt.Errorf("line 1: columns %s, want one called code", strings.Join(head, ","))
	}
	for i, name := range head {
		if i != code && i != kinds && !strings.HasPrefix(name, "text") {
			return nil, fmt.Errorf("line 1: column %q, want code, kind or text…", name)
		}
	}
	var labels []Label
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return labels, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		if len(labels) == MaxLabels {
			return nil, fmt.Errorf("line %d: more than %d labels", line, MaxLabels)
		}
		l, err := ofRow(row, code, kinds, kind)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		labels = append(labels, l)
	}
}

func ofRow(row []string, code, kinds int, kind Kind) (Label, error) {
	if kinds >= 0 && row[kinds] != "" {
		kind = Kind(row[kinds])
	}
	var lines []string
	for i, text := range row {
		if i != code && i != kinds && text != "" {
			lines = append(lines, text)
		}
	}
	return New(kind, row[code], lines...)
}
