package web

import (
	"fmt"
	"html/template"
	"image"
	"strings"

	"github.com/boombuler/barcode/datamatrix"

	"meguri/internal/gs1"
)

// barcodeSVG draws a value under an application identifier as a GS1 DataMatrix (ISO/IEC 16022, ECC 200), as small as a
// reader of a label needs it. What cannot be drawn is left out: the text stands beside it.
func barcodeSVG(ai, value string) template.HTML {
	if value == "" {
		return ""
	}
	code, err := datamatrix.Encode(string([]byte{datamatrix.FNC1}) + gs1.Format(gs1.Element{AI: gs1.AI(ai), Value: value}))
	if err != nil {
		return ""
	}
	const quiet = 2 // modules of white around it; the standard asks for one
	b := code.Bounds()
	var d strings.Builder
	for y := b.Min.Y; y < b.Max.Y; y++ { // each row is one line of dashes, a module thick
		fmt.Fprintf(&d, "M%d %d.5", quiet, y-b.Min.Y+quiet)
		for x := b.Min.X; x < b.Max.X; {
			start, black := x, dark(code, x, y)
			for x < b.Max.X && dark(code, x, y) == black {
				x++
			}
			if black {
				fmt.Fprintf(&d, "h%d", x-start)
			} else if x < b.Max.X {
				fmt.Fprintf(&d, "m%d 0", x-start)
			}
		}
	}
	label := template.HTMLEscapeString("(" + ai + ") " + value)
	return template.HTML(fmt.Sprintf(`<svg class="barcode" viewBox="0 0 %d %d" role="img" aria-label="%s"><path d="%s"/></svg>`,
		b.Dx()+2*quiet, b.Dy()+2*quiet, label, d.String()))
}

func dark(code image.Image, x, y int) bool {
	r, g, b, _ := code.At(x, y).RGBA()
	return r+g+b < 3*0x8000
}
