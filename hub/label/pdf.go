package label

import (
	"fmt"
	"io"

	"github.com/go-pdf/fpdf"
)

// pdfDPI is the grid that PDFs are laid out on. Modules have whole steps of it, so that all are alike.
const pdfDPI = 600

// PDF writes labels on sheets, row by row, from a place on the first sheet on, counted from 1: sheets that were begun can be used
// up.
func PDF(w io.Writer, labels []Label, sheet Sheet, start int) error {
	if start < 1 || start > sheet.columns*sheet.rows {
		return fmt.Errorf("the first label's place is %d, want 1 to %d on a sheet of %s", start, sheet.columns*sheet.rows, sheet.Name)
	}
	doc := pdfOf(sheet)
	for i, l := range labels {
		place := (start - 1 + i) % (sheet.columns * sheet.rows)
		if i == 0 || place == 0 {
			doc.AddPage()
		}
		d, err := l.draw(sheet.label, pdfDPI)
		if err != nil {
			return fmt.Errorf("label %d, %s: %w", i+1, l.Message.Bracketed(), err)
		}
		left, top := sheet.corner(place)
		for _, r := range d.black {
			doc.Rect(left+mm(r.Min.X), top+mm(r.Min.Y), mm(r.Dx()), mm(r.Dy()), "F")
		}
	}
	return doc.Output(w)
}

func pdfOf(sheet Sheet) *fpdf.Fpdf {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm",
		Size: fpdf.SizeType{Wd: float64(sheet.page.widthUM) / micrometres, Ht: float64(sheet.page.heightUM) / micrometres}})
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.SetCompression(true)
	doc.SetFillColor(0, 0, 0)
	return doc
}

// mm turns dots of the grid into millimetres, as PDFs are measured.
func mm(dots int) float64 { return float64(dots) * umPerInch / pdfDPI / micrometres }
