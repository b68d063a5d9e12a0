package label

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// ZPL writes labels for a printer that understands ZPL II, one after the other. Each is one picture: no printer's own fonts or
// barcode routines take part, so that all printers print the same, also in Japanese. dpi is the printer's resolution.
func ZPL(w io.Writer, labels []Label, sheet Sheet, dpi int) error {
	if dpi < leastDPI || dpi > mostDPI {
		return fmt.Errorf("%d dots per inch, want %d to %d", dpi, leastDPI, mostDPI)
	}
	for i, l := range labels {
		d, err := l.draw(sheet.label, dpi)
		if err != nil {
			return fmt.Errorf("label %d, %s: %w", i+1, l.Message.Bracketed(), err)
		}
		row := (d.width + 7) / 8
		_, err = fmt.Fprintf(w, "^XA\n^PW%d\n^LL%d\n^LH0,0\n^FO0,0^GFA,%d,%d,%d,%s^FS\n^PQ1\n^XZ\n", d.width, d.height, row*d.height,
			row*d.height, row, d.graphic())
		if err != nil {
			return err
		}
	}
	return nil
}

// Resolutions that printers of labels have.
const (
	leastDPI = 150
	mostDPI  = 1200
)

// bitmap gives the rows, 8 dots a byte, the leftmost in the highest bit.
func (d drawing) bitmap() [][]byte {
	rows := make([][]byte, d.height)
	for y := range rows {
		rows[y] = make([]byte, (d.width+7)/8)
	}
	for _, r := range d.black {
		for y := max(0, r.Min.Y); y < min(d.height, r.Max.Y); y++ {
			for x := max(0, r.Min.X); x < min(d.width, r.Max.X); x++ {
				rows[y][x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return rows
}

// graphic writes the dots in hexadecimal digits as ZPL packs them (ZPL II Programming Guide, alternative data compression scheme):
// a letter before a digit repeats it, a comma fills a row with white, and a colon repeats the row above.
func (d drawing) graphic() []byte {
	var out bytes.Buffer
	var above []byte
	for _, row := range d.bitmap() {
		if bytes.Equal(row, above) {
			out.WriteByte(':')
		} else {
			packRow(&out, row)
		}
		above = slices.Clone(row)
	}
	return out.Bytes()
}

func packRow(out *bytes.Buffer, row []byte) {
	hex := fmt.Appendf(nil, "%X", row)
	hex = bytes.TrimRight(hex, "0")
	for i := 0; i < len(hex); {
		run := 1
		for i+run < len(hex) && hex[i+run] == hex[i] {
			run++
		}
		writeRun(out, hex[i], run)
		i += run
	}
	if len(hex) < 2*len(row) {
		out.WriteByte(',')
	}
}

// writeRun writes a digit so many times: z is 400, g to y are 20 to 380 in steps of 20, G to Y are 1 to 19.
func writeRun(out *bytes.Buffer, digit byte, times int) {
	for ; times >= 400; times -= 400 {
		out.Write([]byte{'z', digit})
	}
	if times == 0 {
		return
	}
	if times >= 20 {
		out.WriteByte('f' + byte(times/20))
	}
	if times%20 > 0 && times > 1 {
		out.WriteByte('F' + byte(times%20))
	}
	out.WriteByte(digit)
}
