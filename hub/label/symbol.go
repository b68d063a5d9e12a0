package label

import (
	"fmt"
	"image"
	"strings"

	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/datamatrix"

	"meguri/internal/gs1"
)

// symbol is a barcode as modules, without the quiet zone. A linear one has one row.
type symbol struct {
	columns, rows int
	dark          []bool // row by row
	quiet         int    // modules that stay white on each side
}

func (s symbol) at(x, y int) bool { return s.dark[y*s.columns+x] }

// symbol encodes the elements with FNC1 in front, which says that they are GS1's, and between them.
func (l Label) symbol() (symbol, error) {
	text := gs1.Format(l.Message.Elements...)
	if forms[l.Kind].linear {
		return code128Of(text)
	}
	return dataMatrixOf(text)
}

// maxCode128 is the most characters that a GS1-128 may hold, separators and identifiers counted (General Specifications, section
// 5.4.2.5).
const maxCode128 = 48

func code128Of(text string) (symbol, error) {
	if len(text) > maxCode128 {
		return symbol{}, fmt.Errorf("%d characters are too many for a GS1-128, which holds %d", len(text), maxCode128)
	}
	fnc1 := string(code128.FNC1)
	code, err := code128.Encode(fnc1 + strings.ReplaceAll(text, "\x1d", fnc1))
	if err != nil {
		return symbol{}, fmt.Errorf("GS1-128: %w", err)
	}
	return modules(code, 1, 10), nil
}

func dataMatrixOf(text string) (symbol, error) {
	fnc1 := string([]byte{datamatrix.FNC1})
	code, err := datamatrix.Encode(fnc1 + strings.ReplaceAll(text, "\x1d", fnc1))
	if err != nil {
		return symbol{}, fmt.Errorf("GS1 DataMatrix: %w", err)
	}
	return modules(code, code.Bounds().Dy(), 1), nil
}

func modules(code image.Image, rows, quiet int) symbol {
	b := code.Bounds()
	s := symbol{columns: b.Dx(), rows: rows, quiet: quiet}
	for y := range rows {
		for x := range s.columns {
			r, g, blue, _ := code.At(b.Min.X+x, b.Min.Y+y).RGBA()
			s.dark = append(s.dark, r+g+blue < 3*0x8000)
		}
	}
	return s
}
