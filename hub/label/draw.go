package label

import (
	"fmt"
	"image"
)

// size is that of one label, in micrometres.
type size struct{ widthUM, heightUM int }

// drawing is a label as black rectangles in dots.
type drawing struct {
	width, height int // dots
	black         []image.Rectangle
}

// Lengths in micrometres. Module sizes are those of General Specifications, section 5.12.3: what scanners of that application are
// asked to read, and how large is large enough.
const (
	marginUM       = 2_000
	leastModuleUM  = 250
	mostMatrixUM   = 600
	mostLinearUM   = 500
	leastBarsUM    = 10_000
	mostBarsUM     = 32_000
	leastTextUM    = 1_300 // height of a line of words
	mostTextUM     = 4_500
	micrometres    = 1_000
	umPerInch      = 25_400
	matrixPortion  = 55
	percentOfWhole = 100
)

// pen draws one label at a resolution.
type pen struct {
	drawing
	dpi int
}

// dots of a length, rounded down.
func (p *pen) dots(um int) int { return um * p.dpi / umPerInch }

// dotsUp rounds up.
func (p *pen) dotsUp(um int) int { return (um*p.dpi + umPerInch - 1) / umPerInch }

// draw lays a label out: a matrix at the left with the words beside it, or the words, bars and what they say one under the other.
// The error is that the label is too small, and what it would need.
func (l Label) draw(s size, dpi int) (drawing, error) {
	p := &pen{dpi: dpi}
	p.width, p.height = p.dots(s.widthUM), p.dots(s.heightUM)
	symbol, err := l.symbol()
	if err != nil {
		return drawing{}, err
	}
	if symbol.rows == 1 {
		err = p.drawLinear(l, symbol)
	} else {
		err = p.drawMatrix(l, symbol)
	}
	return p.drawing, err
}

// module is the largest number of dots that a module may have for so many of them to fit.
func (p *pen) module(modules, dots, mostUM int) (int, error) {
	module := min(dots/modules, max(1, p.dots(mostUM)))
	if least := p.dotsUp(leastModuleUM); module < least {
		return 0, fmt.Errorf("the label is too small: its barcode of %d modules needs %d.%d mm", modules,
			modules*least*umPerInch/p.dpi/micrometres, modules*least*umPerInch/p.dpi%micrometres*10/micrometres)
	}
	return module, nil
}

func (p *pen) drawMatrix(l Label, s symbol) error {
	margin := p.dots(marginUM)
	wide := s.columns + 2*s.quiet
	room := min(p.height-2*margin, (p.width-2*margin)*matrixPortion/percentOfWhole)
	module, err := p.module(wide, room, mostMatrixUM)
	if err != nil {
		return err
	}
	top := (p.height - s.rows*module) / 2
	p.symbol(s, margin+s.quiet*module, top, module, module)
	left := margin + wide*module + margin
	box := image.Rect(left, margin, p.width-margin, p.height-margin)
	return p.words(append(append([]string{}, l.Lines...), l.readable()...), box)
}

func (p *pen) drawLinear(l Label, s symbol) error {
	margin := p.dots(marginUM)
	module, err := p.module(s.columns+2*s.quiet, p.width-2*margin, mostLinearUM)
	if err != nil {
		return err
	}
	inner := p.height - 2*margin
	bars := min(max(inner*2/5, p.dots(leastBarsUM)), p.dots(mostBarsUM))
	below := p.dots(mostTextUM) * len(l.Message.Elements)
	top := p.height - margin - below - bars
	if top < margin {
		return fmt.Errorf("the label is too low for bars of %d mm", leastBarsUM/micrometres)
	}
	p.symbol(s, (p.width-s.columns*module)/2, top, module, bars)
	if err := p.words(l.readable(), image.Rect(margin, top+bars+margin/2, p.width-margin, p.height-margin/2)); err != nil {
		return err
	}
	return p.words(l.Lines, image.Rect(margin, margin, p.width-margin, top-margin/2))
}

// symbol fills the dark modules, those side by side in one piece.
func (p *pen) symbol(s symbol, left, top, width, height int) {
	for y := range s.rows {
		for x := 0; x < s.columns; x++ {
			start := x
			for x < s.columns && s.at(x, y) {
				x++
			}
			if x > start {
				p.fill(image.Rect(left+start*width, top+y*height, left+x*width, top+(y+1)*height))
			}
		}
	}
}

// words writes lines into a box as large as they fit.
func (p *pen) words(lines []string, box image.Rectangle) error {
	if len(lines) == 0 {
		return nil
	}
	smallest, largest := (p.dots(leastTextUM)+cellHeight-1)/cellHeight, max(1, p.dots(mostTextUM)/cellHeight)
	broken, scale := fit(lines, box.Dx(), box.Dy(), smallest, largest)
	if scale == 0 {
		return fmt.Errorf("the label is too small for its words %q", lines)
	}
	for i, line := range broken {
		p.line(line, image.Pt(box.Min.X, box.Min.Y+i*(cellHeight+leading)*scale), scale)
	}
	return nil
}

func (p *pen) line(text string, at image.Point, scale int) {
	for _, r := range text {
		dots, cells := glyph(r)
		for i := 0; i < len(dots); {
			run := 1
			for i+run < len(dots) && dots[i+run] == dots[i].Add(image.Pt(run, 0)) {
				run++
			}
			corner := at.Add(dots[i].Mul(scale))
			p.fill(image.Rectangle{corner, corner.Add(image.Pt(run*scale, scale))})
			i += run
		}
		at.X += cells * cellWidth * scale
	}
}

func (p *pen) fill(r image.Rectangle) { p.black = append(p.black, r) }
