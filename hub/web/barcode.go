package web

import (
	"fmt"
	"html/template"
	"image"
	"strings"

	"github.com/boombuler/barcode/datamatrix"
	"github.com/boombuler/barcode/qr"

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
	// Two modules of white around it; the standard asks for one.
	return modulesSVG(code, 2, "barcode", "("+ai+") "+value)
}

// qrSVG draws a text as a QR code (ISO/IEC 18004), for a telephone's camera. One that is too long is left out.
func qrSVG(text string) template.HTML {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return ""
	}
	return modulesSVG(code, 4, "qr", "QR") // what it says is a secret, and stands beside it for who needs it
}

// modulesSVG draws the modules of a code with so many of white around it.
func modulesSVG(code image.Image, quiet int, class, label string) template.HTML {
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
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %d %d" role="img" aria-label="%s"><path d="%s"/></svg>`,
		class, b.Dx()+2*quiet, b.Dy()+2*quiet, template.HTMLEscapeString(label), d.String()))
}

func dark(code image.Image, x, y int) bool {
	r, g, b, _ := code.At(x, y).RGBA()
	return r+g+b < 3*0x8000
}
