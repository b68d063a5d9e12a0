package label

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Sheet is how labels lie on paper. A roll has one label a sheet.
type Sheet struct {
	Name           string
	page, label    size
	columns, rows  int
	leftUM, topUM  int // of the first label
	gapXUM, gapYUM int // between labels
}

//go:embed sheets.csv
var sheetsCSV string

// Sheets are those that come with the program.
func Sheets() []Sheet {
	sheets, err := ReadSheets(strings.NewReader(sheetsCSV))
	if err != nil {
		panic(err) // a test reads them
	}
	return sheets
}

var sheetColumns = []string{"name", "page_width_mm", "page_height_mm", "columns", "rows", "label_width_mm", "label_height_mm",
	"left_mm", "top_mm", "gap_x_mm", "gap_y_mm"}

// Bounds of sheets.
const (
	maxSheets = 200
	mostMM    = 2_000
)

// ReadSheets reads sheets from CSV with the columns of sheets.csv. Errors name the line and the column.
func ReadSheets(r io.Reader) ([]Sheet, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("sheets: %w", err)
	}
	if !slices.Equal(head, sheetColumns) {
		return nil, fmt.Errorf("sheets: line 1: columns %s, want %s", strings.Join(head, ","), strings.Join(sheetColumns, ","))
	}
	var sheets []Sheet
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return sheets, nil
		}
		if err != nil {
			return nil, fmt.Errorf("sheets: %w", err)
		}
		line, _ := rows.FieldPos(0)
		s, err := readSheet(row)
		if err == nil && len(sheets) == maxSheets {
			err = fmt.Errorf("more than %d sheets", maxSheets)
		}
		if err != nil {
			return nil, fmt.Errorf("sheets: line %d: %w", line, err)
		}
		sheets = append(sheets, s)
	}
}

func readSheet(row []string) (s Sheet, err error) {
	var um [11]int
	for i := 1; i < len(row); i++ {
		v, parseErr := strconv.ParseFloat(row[i], 64)
		if parseErr != nil || v < 0 || v > mostMM || math.IsNaN(v) {
			return s, fmt.Errorf("%s is %q, want a number from 0 to %d", sheetColumns[i], row[i], mostMM)
		}
		um[i] = int(math.Round(v * micrometres))
	}
	s = Sheet{Name: row[0], page: size{um[1], um[2]}, columns: um[3] / micrometres, rows: um[4] / micrometres,
		label: size{um[5], um[6]}, leftUM: um[7], topUM: um[8], gapXUM: um[9], gapYUM: um[10]}
	switch {
	case s.Name == "":
		return s, errors.New("name is empty")
	case s.columns < 1 || s.rows < 1 || s.label.widthUM == 0 || s.label.heightUM == 0:
		return s, fmt.Errorf("%s has no labels", s.Name)
	case s.leftUM+s.columns*s.label.widthUM+(s.columns-1)*s.gapXUM > s.page.widthUM:
		return s, fmt.Errorf("%s: its columns are wider than the page", s.Name)
	case s.topUM+s.rows*s.label.heightUM+(s.rows-1)*s.gapYUM > s.page.heightUM:
		return s, fmt.Errorf("%s: its rows are higher than the page", s.Name)
	}
	return s, nil
}

// Find gives the sheet of a name.
func Find(sheets []Sheet, name string) (Sheet, error) {
	names := make([]string, len(sheets))
	for i, s := range sheets {
		if s.Name == name {
			return s, nil
		}
		names[i] = s.Name
	}
	return Sheet{}, fmt.Errorf("sheet %q: want one of %s", name, strings.Join(names, ", "))
}

// corner is where a label lies, in millimetres; places are counted from 0, row by row.
func (s Sheet) corner(place int) (left, top float64) {
	column, row := place%s.columns, place/s.columns
	x := s.leftUM + column*(s.label.widthUM+s.gapXUM)
	y := s.topUM + row*(s.label.heightUM+s.gapYUM)
	return float64(x) / micrometres, float64(y) / micrometres
}

// SheetsCSV is the data of Sheets, in the form that ReadSheets takes.
func SheetsCSV() string { return sheetsCSV }
