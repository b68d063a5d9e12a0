package people

import (
	"cmp"
	"slices"
	"strings"
)

// Cell is what a role may do with a route.
type Cell string

// Cells.
const (
	CellNo   Cell = ""
	CellYes  Cell = "yes"
	CellOwn  Cell = "own"  // what is theirs, and nothing else
	CellSign Cell = "sign" // some or all of its uses, once they have shown just now that it is they
	CellAll  Cell = "all"  // anybody, also without a session
)

// Row is a route of the table of rights, with a cell for each of Roles.
type Row struct {
	Method, Path string
	Cells        []Cell
	Signed       string // which uses are signed: "do=released|condemned", "always", or none
	Scope        Scope  // that a token needs; empty where no token is taken
}

// Matrix is the table of rights as people read it: routes by path, those of programs after the pages. Its cells are what Judge says,
// not what the table was written from.
func Matrix() []Row {
	var rows []Row
	table := NewTable(Rights())
	for _, right := range Rights() {
		row := Row{Signed: right.Sign.String(), Scope: right.Scope}
		row.Method, row.Path, _ = strings.Cut(right.Route, " ")
		for _, role := range Roles() {
			row.Cells = append(row.Cells, table.cell(right, role))
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		programs := func(r Row) int { return strings.Count(r.Path+"/", "/v1/") }
		return cmp.Or(cmp.Compare(programs(a), programs(b)), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return rows
}

// String says which uses are signed; empty for none.
func (s *Signing) String() string {
	switch {
	case s == nil:
		return ""
	case s.Field == "":
		return "always"
	}
	return s.Field + "=" + strings.Join(s.Values, "|")
}

// cell asks for a role at its own place and elsewhere, and with a person who has and has not shown that it is they.
func (t Table) cell(right Right, role Role) Cell {
	field := ""
	if right.Sign != nil && right.Sign.Field != "" {
		field = right.Sign.Values[0]
	}
	judge := func(place string, fresh bool) Verdict {
		at := func(string) string { return place }
		return t.Judge(right.Route, &Caller{Person: Person{Role: role, Place: "own"}, Whole: true, Fresh: fresh}, Call{Param: at, Field: func(string) string { return field }})
	}
	switch {
	case judge("own", true) == ForPublic:
		return CellAll
	case judge("own", true) != Allowed:
		return CellNo
	case judge("own", false) == Unsigned:
		return CellSign
	case judge("elsewhere", true) == NotOwn:
		return CellOwn
	}
	return CellYes
}
