package label

import (
	"fmt"
	"image"
	"image/color"
	"unicode"

	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/math/fixed"
)

// The font is a bitmap: the same dots come out of every printer and in every PDF, also in Japanese, with no font on either.
const (
	cellWidth  = 6  // dots of a narrow character; Japanese ones have two cells
	cellHeight = 13 // dots of a line
	leading    = 2  // dots between lines
)

var face = bitmapfont.FaceEA // for Japanese: characters that may have one cell or two have two

// glyph gives the dots of a character, and how many cells it has; nil where the font has none.
func glyph(r rune) (dots []image.Point, cells int) {
	box, mask, from, advance, ok := face.Glyph(fixed.Point26_6{}, r)
	if !ok {
		return nil, 0
	}
	ascent := face.Metrics().Ascent.Ceil()
	dots = []image.Point{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := color.AlphaModel.Convert(mask.At(from.X+x-box.Min.X, from.Y+y-box.Min.Y)).(color.Alpha)
			if c.A >= 0x80 {
				dots = append(dots, image.Pt(x, y+ascent))
			}
		}
	}
	if len(dots) == 0 && !unicode.IsSpace(r) { // the font has the place, but nothing in it
		return nil, 0
	}
	return dots, (advance.Ceil() + cellWidth - 1) / cellWidth
}

// printable says which character the font does not have.
func printable(line string) error {
	for _, r := range line {
		if dots, _ := glyph(r); dots == nil || r < ' ' || r == 0x7f {
			return fmt.Errorf("character %q cannot be printed", r)
		}
	}
	return nil
}

// wrap breaks lines that have more cells than fit, between any two characters, as Japanese may.
func wrap(lines []string, cells int) []string {
	var all []string
	for _, line := range lines {
		start, used := 0, 0
		for i, r := range line {
			_, width := glyph(r)
			if used+width > cells && i > start {
				all = append(all, line[start:i])
				start, used = i, 0
			}
			used += width
		}
		all = append(all, line[start:])
	}
	return all
}

// fit gives the lines as they have to be broken and the largest scale at which they fill no more than the width and height, 0 when
// even the smallest does not fit.
func fit(lines []string, width, height, smallest, largest int) ([]string, int) {
	for scale := largest; scale >= smallest && scale > 0; scale-- {
		cells := width / (cellWidth * scale)
		if cells < 2 {
			continue
		}
		broken := wrap(lines, cells)
		if len(broken)*(cellHeight+leading)*scale <= height {
			return broken, scale
		}
	}
	return nil, 0
}
