package warehouse

import (
	"strings"

	"meguri/internal/gs1"
)

// kind is what a barcode is on.
type kind uint8

const (
	foreign kind = iota // nothing of ours: a waybill, somebody else's label
	piece               // an SGTIN: one rental item
	product             // a GTIN without a serial: it says which garment, and not which piece
	bag                 // an SSCC
	shelf
	place // a dock or a table
	menu
	badge
	batch // of cleaning, or a repair work order
	tote
)

// code is a scan that was read.
type code struct {
	kind  kind
	value string // of a piece the bracketed element string, of a bag 18 digits, else as on the label
	scan  string
}

// kinds are the codes of one element.
var kinds = map[gs1.AI]kind{gs1.SSCC: bag, gs1.GTIN: product, gs1.Address: shelf, gs1.Place: place, gs1.Menu: menu,
	gs1.Badge: badge, gs1.Batch: batch, gs1.Tote: tote}

// read reads a scan. What cannot be read as ours is foreign, with why.
func read(scan string) (code, error) {
	elements, err := gs1.Parse(scan)
	if err != nil {
		return code{kind: foreign, value: plain(scan), scan: scan}, err
	}
	var gtin, serial gs1.Element
	c := code{scan: scan}
	for _, e := range elements {
		switch {
		case e.AI == gs1.GTIN:
			gtin = e
		case e.AI == gs1.Serial:
			serial = e
		}
		if k, ok := kinds[e.AI]; ok && c.kind == foreign {
			c.kind, c.value = k, e.Value
		}
	}
	if gtin.AI != "" && serial.AI != "" { // a lot, a date or a place beside it does not make it another piece
		c.kind, c.value = piece, gs1.Message{Elements: []gs1.Element{gtin, serial}}.Bracketed()
	}
	return c, nil
}

// mostText is how much is kept of a code that is not ours, in bytes.
const mostText = 80

// plain is a foreign code as a record may carry it: without its symbology identifier, valid UTF-8 and bounded.
func plain(scan string) string {
	if len(scan) >= 3 && scan[0] == ']' {
		scan = scan[3:]
	}
	return strings.ToValidUTF8(scan[:min(len(scan), mostText)], "")
}

// gtinOf is the garment of a piece, "" where there is none.
func gtinOf(item string) string {
	rest, ok := strings.CutPrefix(item, "(01)")
	if !ok || len(rest) < 14 {
		return ""
	}
	return rest[:14]
}

// name is what a piece is called on a display: its serial, or the end of a long one.
func name(item string) string {
	const most = 12
	_, serial, ok := strings.Cut(item, "(21)")
	if !ok {
		serial = item
	}
	if r := []rune(serial); len(r) > most {
		return "…" + string(r[len(r)-most+1:])
	}
	return serial
}

// digits says whether text is all digits, and some.
func digits(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
