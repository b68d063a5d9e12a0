package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"text/tabwriter"

	"meguri/hub/people"
)

// RightsCmd is `hub rights`.
type RightsCmd struct {
	Format string `help:"table or csv." enum:"table,csv" default:"table"`
}

// Help says what the words of the table mean.
func (*RightsCmd) Help() string {
	return `A row for each page and route of the API, a column for each role. yes: may use it; own: only what is their own; sign: has to show
within five minutes that it is they, for the uses that the column signed names; all: also without signing in; empty: refused. scope is what a token has to be for, empty where none is taken.`
}

// Run prints the table of rights, which needs no database.
func (c *RightsCmd) Run(g *Globals) error {
	header := []string{"method", "path"}
	for _, r := range people.Roles() {
		header = append(header, string(r))
	}
	rows := [][]string{append(header, "signed", "scope")}
	for _, r := range people.Matrix() {
		row := []string{r.Method, r.Path}
		for _, cell := range r.Cells {
			row = append(row, string(cell))
		}
		rows = append(rows, append(row, r.Signed, r.Scope))
	}
	if c.Format == "csv" {
		return csv.NewWriter(g.Stdout).WriteAll(rows)
	}
	return writeColumns(g.Stdout, rows)
}

// writeColumns prints rows as columns, a dash where there is nothing.
func writeColumns(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, text := range row {
			if text == "" {
				text = "-"
			}
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, text)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
