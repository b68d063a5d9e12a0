package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"meguri/internal/gs1"
)

const (
	maxFileBytes = 256 << 20
	maxText      = 200 // bytes of a name or an address
	maxID        = 64
)

// table reads one CSV file (RFC 4180, UTF-8, with or without a byte order mark, lines ended by LF or CRLF) by the names in
// its first row. What is wrong goes to problems.
type table struct {
	file     string
	csv      *csv.Reader
	columns  map[string]int
	width    int
	problems *Problems
	notes    []string
	ids      map[string]int // id to row
	broken   bool           // something was wrong with a row or with the file
}

// open reads the header. The columns may stand in any order, and optional ones may be missing; others are left alone, with a note.
func open(r io.Reader, file string, want []string, problems *Problems, optional ...string) *table {
	t := &table{file: file, columns: map[string]int{}, problems: problems, ids: map[string]int{}}
	buffered := bufio.NewReader(&bounded{r: r, left: maxFileBytes})
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3)
	}
	t.csv = csv.NewReader(buffered)
	t.csv.FieldsPerRecord = -1 // counted in next, to go on after a wrong row
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if err != nil {
		t.csv = nil
		if errors.Is(err, io.EOF) {
			t.problem(1, "", "", "a header with the columns "+strings.Join(want, ", "))
		} else {
			t.unreadable(err)
		}
		return t
	}
	t.width = len(header)
	for i, name := range header {
		_, again := t.columns[name]
		switch {
		case again:
			t.problem(1, name, name, "each column once")
		case slices.Contains(want, name), slices.Contains(optional, name):
			t.columns[name] = i
		case !utf8.ValidString(name):
			t.problem(1, "", name, "a column name in UTF-8")
		default:
			t.notes = append(t.notes, fmt.Sprintf("%s: column %q is not used", file, name))
		}
	}
	for _, name := range want {
		if _, ok := t.columns[name]; !ok {
			t.problem(1, name, "", "this column")
		}
	}
	if t.broken {
		t.csv = nil // without its columns no row says anything
	}
	return t
}

func (t *table) problem(row int, column, got, want string) {
	t.broken = true
	t.problems.add(Problem{t.file, row, column, got, want})
}

// unreadable reports an error of the reader, after which nothing more can be read.
func (t *table) unreadable(err error) {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		where := fmt.Sprintf("at byte %d", parse.Column)
		if parse.Line != parse.StartLine { // a quote that does not end is wrong where it begins, not at the end of the file
			where = fmt.Sprintf("the row goes on to line %d, byte %d", parse.Line, parse.Column)
		}
		t.problem(parse.StartLine, "", "", fmt.Sprintf("comma-separated values (%s: %v)", where, parse.Err))
		return
	}
	t.problem(0, "", "", "a readable file: "+err.Error())
}

// rows gives each row to read. A row of another width is reported and left out.
func (t *table) rows(read func(*row)) {
	if t.csv == nil {
		return
	}
	for {
		fields, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.unreadable(err)
			return
		}
		line, _ := t.csv.FieldPos(0)
		if len(fields) != t.width {
			t.problem(line, "", "", fmt.Sprintf("%d fields as in the header, has %d", t.width, len(fields)))
			continue
		}
		read(&row{t, line, fields})
	}
}

// row is one row of a table. Its methods give the value of a column, or report a problem and give the zero value.
type row struct {
	table  *table
	line   int
	fields []string
}

func (r *row) problem(column, want string) {
	r.table.problem(r.line, column, r.fields[r.table.columns[column]], want)
}

// text is a value that people read.
func (r *row) text(column string) string {
	v := r.fields[r.table.columns[column]]
	switch {
	case !utf8.ValidString(v):
		r.problem(column, "text in UTF-8")
	case v == "" || len(v) > maxText:
		r.problem(column, fmt.Sprintf("a text of 1 to %d bytes", maxText))
	case strings.ContainsFunc(v, unicode.IsControl):
		r.problem(column, "a text without control characters")
	default:
		return strings.Clone(v) // the record is used again
	}
	return ""
}

// id is a name for machines: it goes into URLs, topics and barcodes.
func (r *row) id(column string) string {
	v := r.fields[r.table.columns[column]]
	if !IsID(v) {
		if utf8.ValidString(v) {
			r.problem(column,
				fmt.Sprintf("an id of 1 to %d letters, digits, '-', '_' and '.', beginning with a letter or digit", maxID))
		} else {
			r.problem(column, "text in UTF-8")
		}
		return ""
	}
	return strings.Clone(v)
}

// IsID says whether a text can be an id.
func IsID(v string) bool {
	if v == "" || len(v) > maxID {
		return false
	}
	for i, c := range []byte(v) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

// newID is an id that no row before had, and the table knows from then on.
func (r *row) newID(column string) string {
	id := r.id(column)
	if id != "" {
		r.unique(column, id)
	}
	return id
}

// unique refuses a key that a row before had.
func (r *row) unique(column, key string) {
	if before, again := r.table.ids[key]; again {
		what := "an id"
		if !strings.HasSuffix(column, "id") {
			what = "a " + column
		}
		r.problem(column, fmt.Sprintf("%s that no other row has (row %d has it)", what, before))
		return
	}
	r.table.ids[key] = r.line
}

// reference is the id of a row of another file. When that file was broken nothing can be said of it.
func (r *row) reference(column string, to *table) string {
	id := r.id(column)
	if id == "" || to.broken {
		return id
	}
	if _, ok := to.ids[id]; !ok {
		r.problem(column, "an id of "+to.file)
	}
	return id
}

func (r *row) number(column string, least, most int64) int64 {
	v, err := strconv.ParseInt(r.fields[r.table.columns[column]], 10, 64)
	if err != nil || v < least || v > most {
		r.problem(column, fmt.Sprintf("a whole number from %d to %d", least, most))
		return 0
	}
	return v
}

// degrees is a temperature in °C with at most three decimals, as millidegrees.
func (r *row) degrees(column string) int64 {
	v, err := strconv.ParseFloat(r.fields[r.table.columns[column]], 64)
	milli := math.Round(v * 1000)
	if err != nil || !(math.Abs(v) <= 200) || math.Abs(milli-v*1000) > 1e-6 {
		r.problem(column, "a temperature in °C, -200 to 200, with at most three decimals")
		return 0
	}
	return int64(milli)
}

func (r *row) coordinate(column string, most float64) float64 {
	v, err := strconv.ParseFloat(r.fields[r.table.columns[column]], 64)
	if err != nil || !(math.Abs(v) <= most) {
		r.problem(column, fmt.Sprintf("degrees from %g to %g", -most, most))
		return 0
	}
	return v
}

// date is a calendar date as YYYY-MM-DD.
func (r *row) date(column string) string {
	v := r.fields[r.table.columns[column]]
	if _, err := time.Parse(time.DateOnly, v); err != nil {
		r.problem(column, "a date YYYY-MM-DD")
		return ""
	}
	return strings.Clone(v)
}

// instant is an absolute time. Its location is the offset that was written.
func (r *row) instant(column string) time.Time {
	v, err := time.Parse(time.RFC3339, r.fields[r.table.columns[column]])
	if err != nil {
		r.problem(column, "a time with its offset, such as 2026-12-01T02:00:00+09:00")
	}
	return v
}

// clock is a time of day.
func (r *row) clock(column string) time.Duration {
	v, err := time.Parse("15:04", r.fields[r.table.columns[column]])
	if err != nil || len(r.fields[r.table.columns[column]]) != len("15:04") {
		r.problem(column, "a time of day HH:MM")
		return 0
	}
	return time.Duration(v.Hour())*time.Hour + time.Duration(v.Minute())*time.Minute
}

// key is a GS1 key of so many digits with its check digit. A GRAI may have up to 16 characters of serial behind them.
func (r *row) key(column string, digits, serial int) string {
	v := r.fields[r.table.columns[column]]
	want := fmt.Sprintf("%d digits", digits)
	if serial > 0 {
		want += fmt.Sprintf(" and a serial of at most %d letters and digits", serial)
	}
	if len(v) < digits || len(v) > digits+serial || (len(v) > digits && !IsID(v[digits:])) {
		r.problem(column, want)
		return ""
	}
	if err := gs1.CheckKey(v[:digits]); err != nil {
		r.problem(column, fmt.Sprintf("%s with a right check digit (%v)", want, err))
		return ""
	}
	return strings.Clone(v)
}

func (r *row) oneOf(column string, values ...string) string {
	v := r.fields[r.table.columns[column]]
	if i := slices.Index(values, v); i >= 0 {
		return values[i]
	}
	r.problem(column, strings.Join(values, " or "))
	return ""
}

// bounded fails when a file is longer than anything that Meguri reads.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("longer than %d bytes", int64(maxFileBytes))
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// uniqueIn refuses a second use of a key that is not the table's id; keys holds what was seen, by row.
func (r *row) uniqueIn(keys map[string]int, column, key string) {
	if key == "" {
		return
	}
	if _, again := keys[key]; again {
		r.problem(column, fmt.Sprintf("a %s that no other row has (row %d has it)", column, keys[key]))
		return
	}
	keys[key] = r.line
}
