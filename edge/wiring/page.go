package wiring

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// Markdown is the page of a kit: what to know, the drawing in the file beside it, and the table.
func Markdown(kit, drawing string, parts []Part) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Wiring of %s\n\n", kit)
	fmt.Fprintf(&b, "Made from the kit file by `edge wiring %s --out DIR`; change the kit and make it again. Pins are those of the 40-pin header\n"+
		"of a Raspberry Pi. Wire it without power. Then `edge probe %s` reads every sensor once and says what is wrong.\n\n", kit, kit)
	fmt.Fprintf(&b, "![wiring](%s)\n\n", drawing)
	b.WriteString("| part | terminal | board | header pin | also |\n|---|---|---|---|---|\n")
	for _, p := range parts {
		for i, w := range p.Wires {
			part := ""
			if i == 0 {
				part = "**" + cell(p.Title) + "**, " + cell(p.Kind)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", part, cell(w.To), cell(w.From), w.Where(), cell(w.Note))
		}
	}
	return b.Bytes()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Measures of the drawing, in pixels.
const (
	width   = 1000
	boardX  = 20
	boardW  = 150
	partX   = 560
	partW   = width - partX - 20
	rowH    = 26
	titleH  = 46 // of a part: title and kind
	gap     = 14
	top     = 56
	letters = 58 // of a part's title or kind that fit into its box
)

var colours = map[Kind]string{Signal: "#1f5fbf", Power: "#c62828", Ground: "#222222", Plug: "#6a1b9a"}

// SVG is the drawing: the board on the left, a box for each part on the right, and straight wires between them, each at the
// height of its terminal. A board's pin that several parts share is drawn at each of them.
func SVG(kit string, parts []Part) []byte {
	height := top + gap
	for _, p := range parts {
		height += titleH + rowH*len(p.Wires) + gap
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img" aria-label="wiring of %s">`+"\n",
		width, height, html.EscapeString(kit))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	text(&b, boardX, 30, "bold", "start", "#000000", "Wiring of "+kit)
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#e8f5e9" stroke="#2e7d32"/>`+"\n", boardX, top-12, boardW, height-top)
	y := top
	for _, p := range parts {
		part(&b, p, y)
		y += titleH + rowH*len(p.Wires) + gap
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func part(b *bytes.Buffer, p Part, y int) {
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#f5f5f5" stroke="#757575"/>`+"\n", partX, y, partW, titleH+rowH*len(p.Wires))
	text(b, partX+partW-10, y+18, "bold", "end", "#000000", cut(p.Title))
	text(b, partX+partW-10, y+36, "normal", "end", "#555555", cut(p.Kind))
	for i, w := range p.Wires {
		wire(b, w, y+titleH+rowH*i+rowH/2-4)
	}
}

func wire(b *bytes.Buffer, w Wire, y int) {
	colour := colours[w.Kind]
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2"/>`+"\n", boardX+boardW, y, partX, y, colour)
	for _, x := range []int{boardX + boardW, partX} {
		fmt.Fprintf(b, `<circle cx="%d" cy="%d" r="4" fill="%s"/>`+"\n", x, y, colour)
	}
	from := w.From
	if n := header[w.From]; n != 0 {
		from += fmt.Sprintf("  (pin %d)", n)
	}
	text(b, boardX+boardW-10, y+4, "normal", "end", "#000000", from)
	text(b, partX+12, y+4, "normal", "start", "#000000", w.To)
	if w.Note != "" {
		note(b, w.Note, y)
	}
}

// note is written on the wire, which it covers.
func note(b *bytes.Buffer, note string, y int) {
	most := partX - boardX - boardW - 20
	w, squeeze := 6*len([]rune(note))+16, ""
	if w > most {
		w, squeeze = most, fmt.Sprintf(` textLength="%d" lengthAdjust="spacingAndGlyphs"`, most-8)
	}
	x := (boardX + boardW + partX) / 2
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="18" fill="#fffde7" stroke="#bdb76b"/>`+"\n", x-w/2, y-9, w)
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="11" text-anchor="middle"%s>%s</text>`+"\n",
		x, y+4, squeeze, html.EscapeString(note))
}

func text(b *bytes.Buffer, x, y int, weight, anchor, colour, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="%s" text-anchor="%s" fill="%s" xml:space="preserve">%s</text>`+"\n",
		x, y, weight, anchor, colour, html.EscapeString(s))
}

func cut(s string) string {
	r := []rune(s)
	if len(r) <= letters {
		return s
	}
	return string(r[:letters-1]) + "…"
}
