package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"meguri/hub/label"
	"meguri/hub/store"
)

// LabelCmd is `hub label`.
type LabelCmd struct {
	Kind   string   `arg:"" help:"item (GTIN and serial number), shelf (GLN, or our address, slot or place), bag (SSCC), container or shipper (GRAI), card of a menu, badge, batch or work order, tote." enum:"item,shelf,bag,container,shipper,card,badge,batch,tote"`
	All    bool     `help:"All there are of this kind: the cards of the menu, or this hub's badges or shelves."`
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
	labels, err := c.labels(g)
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

func (c *LabelCmd) labels(g *Globals) ([]label.Label, error) {
	if c.All && c.CSV == nil && c.Code == "" {
		return c.allOf(g)
	}
	if (c.CSV == nil) == (c.Code == "") {
		return nil, errors.New("want a code, or --csv with a file of them, or --all")
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

// allOf makes the labels of everything of a kind.
func (c *LabelCmd) allOf(g *Globals) (labels []label.Label, err error) {
	if label.Kind(c.Kind) == label.Card {
		return label.Cards()
	}
	add := func(code string, lines ...string) {
		one, fault := label.New(label.Kind(c.Kind), code, lines...)
		labels, err = append(labels, one), errors.Join(err, fault)
	}
	return labels, withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			switch label.Kind(c.Kind) {
			case label.Badge:
				all, fault := tx.Operators(g.Ctx, "")
				for _, o := range all {
					add("(96)"+o.Badge, o.Badge, o.Warehouse)
				}
				err = errors.Join(err, fault)
			case label.Shelf:
				all, fault := tx.Shelves(g.Ctx, "")
				for _, shelf := range all {
					add("(92)"+shelf.ID, shelf.ID, shelf.WarehouseID)
				}
				err = errors.Join(err, fault)
			default:
				return errors.New("--all: want card, badge or shelf")
			}
			if err == nil && len(labels) == 0 {
				return fmt.Errorf("--all: this hub has no %s", c.Kind)
			}
			return err
		})
	})
}
