package label

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/datamatrix"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/stretchr/testify/require"

	"meguri/internal/gs1"
)

// Labels of each kind, with words in both languages.
var examples = []struct {
	kind  Kind
	code  string
	lines []string
	sheet string
}{
	{Item, "(01)09520123456788(21)S-0001", []string{"ワンピース 紺 M", "Dress, navy, M"}, "60x40"},
	{Item, `(01)09520123456788(21)A\(b)/:0123456789ABCD(10)L-7`, nil, "60x40"},
	{Shelf, "(414)9520123456788(254)A-01-03", []string{"棚 A-01-03"}, "60x40"},
	{Shelf, "(92)addr-0001", nil, "40x30"},
	{Bag, "(00)395201234567891236", []string{"返却バッグ", "札幌市中央区"}, "100x50"},
	{Bag, "(00)395201234567891236(10)L-7(02)09520123456788(37)12", []string{"返却バッグ"}, "100x150"},
	{Container, "(8003)09520123456788BOX-77", []string{"折りたたみコンテナ"}, "a4-24"},
	{Shipper, "(8003)09520123456788SH01", []string{"冷蔵シッパー"}, "a4-65"},
}

func sheetOf(t *testing.T, name string) Sheet {
	t.Helper()
	s, err := Find(Sheets(), name)
	require.NoError(t, err)
	return s
}

func TestWhatIsPrintedIsReadBack(t *testing.T) {
	for _, e := range examples {
		t.Run(fmt.Sprint(e.kind, " ", e.code), func(t *testing.T) {
			l, err := New(e.kind, e.code, e.lines...)
			require.NoError(t, err)
			sheet := sheetOf(t, e.sheet)
			for _, dpi := range []int{203, 300} {
				var zpl bytes.Buffer
				require.NoError(t, ZPL(&zpl, []Label{l}, sheet, dpi))
				requireReads(t, l, printed(t, zpl.String()))
			}
			var pdf bytes.Buffer
			places := sheet.columns * sheet.rows
			require.NoError(t, PDF(&pdf, []Label{l, l}, sheet, places))
			pages := pages(t, pdf.Bytes(), sheet)
			require.Len(t, pages, 2, "the second begins a sheet")
			requireReads(t, l, crop(pages[0], sheet, places-1))
			requireReads(t, l, crop(pages[1], sheet, 0))
		})
	}
}

// requireReads reads a picture of a label as a scanner does, with a reader that has nothing to do with what drew it.
func requireReads(t *testing.T, l Label, picture *image.Gray) {
	t.Helper()
	var reader gozxing.Reader = datamatrix.NewDataMatrixReader()
	symbology := "]d2"
	if forms[l.Kind].linear {
		reader, symbology = oned.NewCode128Reader(), "]C1"
	} else {
		picture = aimed(t, picture)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	require.NoError(t, err)
	result, err := reader.Decode(bitmap, map[gozxing.DecodeHintType]interface{}{
		gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_ASSUME_GS1: true})
	require.NoError(t, err)
	text := result.GetText()
	if symbology == "]C1" {
		require.True(t, strings.HasPrefix(text, "]C1"), "FNC1 in front says that it is GS1's: %q", text)
		text = strings.TrimPrefix(text, "]C1")
	} else {
		require.True(t, strings.HasPrefix(text, "\x1d"), "FNC1 in front says that it is GS1's: %q", text)
		text = strings.TrimPrefix(text, "\x1d")
	}
	m, err := gs1.Read(symbology + text)
	require.NoError(t, err, "%q", text)
	require.Equal(t, l.Message, m)
}

// aimed is the part of a picture around the matrix at its left, as a person holds a scanner. A matrix has dark modules in every column.
func aimed(t *testing.T, picture *image.Gray) *image.Gray {
	t.Helper()
	b := picture.Bounds()
	dark := func(x int) bool {
		for y := b.Min.Y; y < b.Max.Y; y++ {
			if picture.GrayAt(x, y).Y == 0 {
				return true
			}
		}
		return false
	}
	left := b.Min.X
	for ; left < b.Max.X && !dark(left); left++ {
	}
	right := left
	for ; right < b.Max.X && dark(right); right++ {
	}
	require.Less(t, left, right)
	border := (right - left) / 4
	part := white(image.Rect(0, 0, right-left+2*border, b.Dy()))
	draw.Draw(part, image.Rect(border, 0, border+right-left, b.Dy()), picture, image.Pt(left, b.Min.Y), draw.Src)
	return part
}

// printed is what a printer makes of ZPL: it knows ^GFA with its compression, the only thing that is drawn with.
func printed(t *testing.T, zpl string) *image.Gray {
	t.Helper()
	m := regexp.MustCompile(`\^PW(\d+)\n\^LL(\d+)\n\^LH0,0\n\^FO0,0\^GFA,(\d+),(\d+),(\d+),([^^]*)\^FS`).FindStringSubmatch(zpl)
	require.NotNil(t, m, "%.200s", zpl)
	width, height, row := number(t, m[1]), number(t, m[2]), number(t, m[5])
	require.Equal(t, row*height, number(t, m[3]))
	picture := white(image.Rect(0, 0, width, height))
	var line, above []byte
	times, y := 0, 0
	end := func() {
		require.Len(t, line, 2*row)
		for x := range width {
			if v, err := strconv.ParseUint(string(line[x/4]), 16, 8); err == nil && v&(8>>(x%4)) != 0 {
				picture.SetGray(x, y, color.Gray{})
			}
		}
		above, line, y = line, nil, y+1
	}
	for _, c := range []byte(m[6]) {
		switch {
		case c >= 'G' && c <= 'Y':
			times += int(c - 'F')
		case c >= 'g' && c <= 'z':
			times += 20 * int(c-'f')
		case c == ',':
			line = append(line, bytes.Repeat([]byte("0"), 2*row-len(line))...)
		case c == ':':
			line = append([]byte{}, above...)
		default:
			line, times = append(line, bytes.Repeat([]byte{c}, max(1, times))...), 0
		}
		if len(line) == 2*row {
			end()
		}
	}
	require.Equal(t, height, y)
	return picture
}

func white(r image.Rectangle) *image.Gray {
	picture := image.NewGray(r)
	draw.Draw(picture, r, image.White, image.Point{}, draw.Src)
	return picture
}

func number(t *testing.T, text string) int {
	t.Helper()
	v, err := strconv.Atoi(text)
	require.NoError(t, err)
	return v
}

// pages finds the filled rectangles of a PDF, the only thing that is drawn with. PDF counts in points from below.
func pages(t *testing.T, pdf []byte, sheet Sheet) (all [][]image.Rectangle) {
	t.Helper()
	grid := float64(pdfDPI) / 72
	for {
		_, rest, ok := bytes.Cut(pdf, []byte("stream\n"))
		if !ok {
			return all
		}
		pdf = rest
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			continue // the end of another
		}
		content, err := io.ReadAll(z)
		require.NoError(t, err)
		if !bytes.Contains(content, []byte(" re f")) {
			continue
		}
		var page []image.Rectangle
		for _, m := range regexp.MustCompile(`([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re f`).FindAllStringSubmatch(string(content), -1) {
			var v [4]int
			for i := range v {
				f, err := strconv.ParseFloat(m[i+1], 64)
				require.NoError(t, err)
				v[i] = int(math.Round(f * grid))
			}
			top := int(math.Round(float64(sheet.page.heightUM)/umPerInch*pdfDPI)) - v[1]
			page = append(page, image.Rect(v[0], top, v[0]+v[2], top-v[3]))
		}
		all = append(all, page)
	}
}

func crop(page []image.Rectangle, sheet Sheet, place int) *image.Gray {
	left, top := sheet.corner(place)
	x, y := int(left*micrometres*pdfDPI/umPerInch), int(top*micrometres*pdfDPI/umPerInch)
	part := white(image.Rect(0, 0, sheet.label.widthUM*pdfDPI/umPerInch, sheet.label.heightUM*pdfDPI/umPerInch))
	for _, box := range page {
		draw.Draw(part, box.Sub(image.Pt(x, y)), image.Black, image.Point{}, draw.Src)
	}
	return part
}

func TestTooMuchForABarIsRefused(t *testing.T) {
	l, err := New(Bag, examples[5].code+"(3302)001250")
	require.NoError(t, err)
	err = ZPL(io.Discard, []Label{l}, sheetOf(t, "100x150"), 203)
	require.ErrorContains(t, err, "label 1, (00)395201234567891236(10)")
	require.ErrorContains(t, err, "GS1-128, which holds 48")
}

func TestALabelHoldsWhatItsKindNeeds(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		code  string
		lines []string
		want  string
	}{
		{"box", "(01)09520123456788", nil, "want item, shelf"},
		{Item, "(01)09520123456788", nil, "want (21) as well"},
		{Item, "(01)09520123456789(21)S", nil, "position 18: check digit"},
		{Item, "(00)395201234567891236", nil, "want one of 01"},
		{Shelf, "(92)A(93)B", nil, "want one of 414 92 93 94"},
		{Bag, "(8003)09520123456788A", nil, "want one of 00"},
		{Container, "(8003)09520123456788", nil, "no serial number"},
		{Shipper, "(91)A", nil, "want one of 8003"},
		{Shelf, "(92)A", []string{"x\n"}, "cannot be printed"},
		{Shelf, "(92)A", []string{"\U0010ffff"}, "cannot be printed"},
		{Shelf, "(92)A", make([]string, 7), "at most 6"},
		{Shelf, "(92)A", []string{strings.Repeat("日", 81)}, "more than 80"},
	} {
		_, err := New(c.kind, c.code, c.lines...)
		require.ErrorContains(t, err, c.want, "%s %s", c.kind, c.code)
	}
}

func TestALabelThatIsTooSmallIsRefused(t *testing.T) {
	tiny := Sheet{Name: "tiny", columns: 1, rows: 1, label: size{8_000, 8_000}, page: size{8_000, 8_000}}
	for _, c := range []struct {
		label Label
		sheet Sheet
		want  string
	}{
		{mustLabel(t, Item, "(01)09520123456788(21)S-0001"), tiny, "too small"},
		{mustLabel(t, Bag, "(00)395201234567891236"), sheetOf(t, "40x30"), "too small: its barcode of 1"},
		{mustLabel(t, Item, "(01)09520123456788(21)S-0001", strings.Repeat("長い名前", 20), strings.Repeat("長い名前", 20)), sheetOf(t, "a4-65"), "its words"},
	} {
		require.ErrorContains(t, ZPL(io.Discard, []Label{c.label}, c.sheet, 203), c.want)
		require.ErrorContains(t, PDF(io.Discard, []Label{c.label}, c.sheet, 1), c.want)
	}
	require.ErrorContains(t, ZPL(io.Discard, nil, tiny, 20), "dots per inch")
	require.ErrorContains(t, PDF(io.Discard, nil, sheetOf(t, "a4-24"), 25), "want 1 to 24")
}

func mustLabel(t *testing.T, kind Kind, code string, lines ...string) Label {
	t.Helper()
	l, err := New(kind, code, lines...)
	require.NoError(t, err)
	return l
}

// Nothing of a label is outside of it, and no words are in the barcode: at every size that comes with the program.
func TestNothingOverlaps(t *testing.T) {
	for _, sheet := range Sheets() {
		for _, e := range examples {
			l := mustLabel(t, e.kind, e.code, e.lines...)
			d, err := l.draw(sheet.label, 203)
			if err != nil {
				continue // too small, which another test looks at
			}
			seen := make([]bool, d.width*d.height)
			for _, r := range d.black {
				require.True(t, r.In(image.Rect(0, 0, d.width, d.height)), "%s on %s: %v", e.code, sheet.Name, r)
				for y := r.Min.Y; y < r.Max.Y; y++ {
					for x := r.Min.X; x < r.Max.X; x++ {
						if seen[y*d.width+x] {
							t.Fatalf("%s on %s: black twice at %d,%d", e.code, sheet.Name, x, y)
						}
						seen[y*d.width+x] = true
					}
				}
			}
		}
	}
}

func TestJapaneseHasTwoCellsAndDots(t *testing.T) {
	for r, cells := range map[rune]int{'A': 1, 'ｱ': 1, 'ア': 2, '漢': 2, '①': 2, '々': 2, '髙': 2, '﨑': 0, '𠮷': 0} {
		dots, got := glyph(r)
		require.Equal(t, cells, got, "%c", r)
		require.Equal(t, cells > 0, len(dots) > 0, "%c", r)
	}
	require.Equal(t, []string{"日本", "語ab", "c"}, wrap([]string{"日本語abc"}, 4))
}

func TestSheetsAreReadAndWrongOnesRefusedByLine(t *testing.T) {
	require.Len(t, Sheets(), 7)
	head := strings.SplitN(SheetsCSV(), "\n", 2)[0]
	for body, want := range map[string]string{
		"x,10,10,2,1,6,10,0,0,0,0":    "line 2: x: its columns are wider",
		"x,10,10,1,2,6,10,0,0,0,0":    "line 2: x: its rows are higher",
		"x,10,10,0,1,6,10,0,0,0,0":    "line 2: x has no labels",
		"x,NaN,10,1,1,6,10,0,0,0,0":   `page_width_mm is "NaN"`,
		"x,10,-1,1,1,6,10,0,0,0,0":    `page_height_mm is "-1"`,
		",10,10,1,1,6,10,0,0,0,0":     "name is empty",
		"x,10":                        "wrong number of fields",
		"\nx,10,10,1,1,6,1e9,0,0,0,0": "line 3: label_height_mm",
	} {
		_, err := ReadSheets(strings.NewReader(head + "\n" + body + "\n"))
		require.ErrorContains(t, err, want)
	}
	_, err := ReadSheets(strings.NewReader("name\n"))
	require.ErrorContains(t, err, "line 1: columns name")
	_, err = Find(Sheets(), "a3")
	require.ErrorContains(t, err, "want one of 40x30")
}

func TestLabelsAreReadFromCSV(t *testing.T) {
	labels, err := Read(strings.NewReader("\ufeffcode,text,kind,text2\n(92)A,棚,,B\n(00)395201234567891236,,bag,\n"), Shelf)
	require.NoError(t, err)
	require.Equal(t, []Label{mustLabel(t, Shelf, "(92)A", "棚", "B"), mustLabel(t, Bag, "(00)395201234567891236")}, labels)
	for table, want := range map[string]string{
		"": "line 1", "x,y\n": "want one called code", "code,size\n": `column "size"`, "code\n(92)A\n(00)1\n": "line 3: code",
		"code,kind\n(92)A,box\n": `line 2: kind "box"`, "code\n\"\n": "line 2",
	} {
		_, err := Read(strings.NewReader(table), Shelf)
		require.ErrorContains(t, err, want, table)
	}
	_, err = Read(strings.NewReader("code\n"+strings.Repeat("(92)A\n", MaxLabels+1)), Shelf)
	require.ErrorContains(t, err, "more than 10000 labels")
}

func FuzzRead(f *testing.F) {
	f.Add("code,text\n(92)A,棚\n")
	f.Fuzz(func(t *testing.T, table string) {
		labels, err := Read(strings.NewReader(table), Shelf)
		if err != nil || len(labels) > 3 {
			return
		}
		for _, l := range labels {
			_, _ = l.draw(size{60_000, 40_000}, 203) // perhaps too small, never worse
		}
	})
}

func FuzzReadSheets(f *testing.F) {
	f.Add(sheetsCSV)
	f.Fuzz(func(t *testing.T, table string) {
		sheets, err := ReadSheets(strings.NewReader(table))
		if err != nil {
			return
		}
		for _, s := range sheets {
			require.LessOrEqual(t, s.columns*s.label.widthUM, s.page.widthUM)
		}
	})
}
