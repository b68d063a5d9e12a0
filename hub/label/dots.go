package label

import "image"

// Size of a narrow character of the font in dots; Japanese ones have two cells.
const (
	CellWidth  = cellWidth
	CellHeight = cellHeight
)

// Dots gives the dots of a character of the font, and how many cells it has; those of '?' where the font has none. What prints words with
// no font of its own, as reports do, has them from here.
func Dots(r rune) (dots []image.Point, cells int) {
	if dots, cells = glyph(r); dots == nil {
		return glyph('?')
	}
	return dots, cells
}

// Wrap breaks a line that has more cells than fit, between any two characters, as Japanese may.
func Wrap(line string, cells int) []string { return wrap([]string{line}, cells) }
