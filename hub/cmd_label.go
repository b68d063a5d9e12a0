package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"meguri/hub/label"
)

// LabelCmd is `hub label`.
type LabelCmd struct {
	Kind   string   `arg:"" help:"item (GTIN and serial number), shelf (GLN, or our address, slot or place), bag (SSCC), container or shipper (GRAI), badge (our own number)." enum:"item,shelf,bag,container,shipper,badge"`
	Code   string   `arg:"" optional:"" help:"What the barcode holds: a bracketed element string, scan data or a Digital Link."`
	Text   []string `arg:"" optional:"" help:"Lines of words, also in Japanese."`
	CSV    *os.File `name:"csv" help:"File of labels instead: a column code, perhaps one kind, and text… for the words." placeholder:"FILE"`
	Format string   `help:"zpl for label printers, or pdf." enum:"zpl,pdf" default:"pdf"`
	Sheet  string   `help:"Size of the labels and how they lie on paper." default:"100x50"`
	Sheets *os.File `help:"File of further sheets; --list prints the form." placeholder:"FILE"`
	List   bool     `help:"Print the sheets that there are, as CSV, and stop."`
	DPI    int      `name:"dpi" help:"Dots per inch of the printer, for zpl." default:"203"`
	Start  int      `help:"Place of the first label on the first sheet, for pdf." default:"1"`
	Out    string   `help:"File to write (default: standard output)." type:"path" placeholder:"FILE"`
}

// Run writes the labels, or none.
func (c *LabelCmd) Run(g *Globals) error {
	if c.List {
		_, err := io.WriteString(g.Stdout, label.SheetsCSV())
		return err
	}
	sheet, err := c.sheet()
	if err != nil {
		return err
	}
	labels, err := c.labels()
	if err != nil {
		return err
	}
	var out bytes.Buffer // so that a label that does not fit leaves no half file
	if c.Format == "zpl" {
		err = label.ZPL(&out, labels, sheet, c.DPI)
	} else {
		err = label.PDF(&out, labels, sheet, c.Start)
	}
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = g.Stdout.Write(out.Bytes())
		return err
	}
	return os.WriteFile(c.Out, out.Bytes(), 0o644)
}

func (c *LabelCmd) sheet() (label.Sheet, error) {
	sheets := label.Sheets()
	if c.Sheets != nil {
		more, err := label.ReadSheets(c.Sheets)
		if err != nil {
			return label.Sheet{}, fmt.Errorf("%s: %w", c.Sheets.Name(), err)
		}
		sheets = append(more, sheets...)
	}
	return label.Find(sheets, c.Sheet)
}

func (c *LabelCmd) labels() ([]label.Label, error) {
	if (c.CSV == nil) == (c.Code == "") {
		return nil, errors.New("want a code, or --csv with a file of them")
	}
	if c.CSV == nil {
		one, err := label.New(label.Kind(c.Kind), c.Code, c.Text...)
		return []label.Label{one}, err
	}
	labels, err := label.Read(c.CSV, label.Kind(c.Kind))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.CSV.Name(), err)
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("%s: there are no labels", c.CSV.Name())
	}
	return labels, nil
}
