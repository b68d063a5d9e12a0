package label

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/datamatrix"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/internal/gs1"
)

// Codewords of FNC1 in the two symbologies, and of GS1-128's ends (General Specifications, section 5.4.3; ISO/IEC 16022, table 2).
const (
	fnc1Matrix = 232
	fnc1Linear = 102
	functions  = 96 // from here on they are no characters
	startsFrom = 103
	stop       = 106
)

// What a reader is told: the picture is of a label, or of a symbol alone.
var (
	onLabel  = map[gozxing.DecodeHintType]interface{}{gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_ASSUME_GS1: true}
	onItsOwn = map[gozxing.DecodeHintType]interface{}{gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_ASSUME_GS1: true}
)

// decoded is what a machine reads of a picture.
func decoded(t require.TestingT, linear bool, picture image.Image, hints map[gozxing.DecodeHintType]interface{}) *gozxing.Result {
	var reader gozxing.Reader = datamatrix.NewDataMatrixReader()
	if linear {
		reader = oned.NewCode128Reader()
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	require.NoError(t, err)
	result, err := reader.Decode(bitmap, hints)
	require.NoError(t, err)
	return result
}

// requireCodewords holds the codewords of a symbol to what GS1 asks for: FNC1 first, which makes the symbology ]C1 or ]d2, FNC1 for
// each separator and nowhere else, and GS1-128's check character.
func requireCodewords(t require.TestingT, l Label, result *gozxing.Result) {
	words, linear := result.GetRawBytes(), forms[l.Kind].linear
	separators := strings.Count(gs1.Format(l.Message.Elements...), "\x1d")
	id := result.GetResultMetadata()[gozxing.ResultMetadataType_SYMBOLOGY_IDENTIFIER]
	if !linear {
		require.Equal(t, "]d2", id)
		require.Equal(t, byte(fnc1Matrix), words[0])
		text, _, _ := bytes.Cut(words, []byte{129}) // the padding
		require.Equal(t, 1+separators, bytes.Count(text, []byte{fnc1Matrix}))
		return
	}
	check := int(words[len(words)-2])
	if check < functions { // zxing takes the check character for what it would be as content, and changes the identifier
		require.Equal(t, "]C1", id)
	}
	require.GreaterOrEqual(t, words[0], byte(startsFrom))
	require.Equal(t, byte(fnc1Linear), words[1])
	require.Equal(t, byte(stop), words[len(words)-1])
	content := words[:len(words)-2]
	sum := int(content[0])
	for at, word := range content[1:] {
		sum += (at + 1) * int(word)
	}
	require.Equal(t, sum%103, check)
	require.Equal(t, 1+separators, bytes.Count(content, []byte{fnc1Linear}))
}

// requireSame wants of a reading what internal/gs1 says of the label, with the symbology's identifier in front as a scanner sends it.
func requireSame(t require.TestingT, l Label, result *gozxing.Result) {
	requireCodewords(t, l, result)
	id, in := "]d2", "\x1d"
	if forms[l.Kind].linear {
		id, in = "]C1", "]C1"
	}
	text, ok := strings.CutPrefix(result.GetText(), in)
	require.True(t, ok, "%q", result.GetText())
	if words := result.GetRawBytes(); id == "]C1" && words[len(words)-2] == fnc1Linear { // zxing takes such a check character for content
		text = strings.TrimSuffix(text, "\x1d")
	}
	require.Equal(t, gs1.Format(l.Message.Elements...), text)
	m, err := gs1.Read(id + text)
	require.NoError(t, err)
	require.Equal(t, l.Message, m)
}

// alone is a symbol with nothing beside it, a module so many pixels wide.
func alone(s symbol, module int) *image.Gray {
	height := s.rows * module
	if s.rows == 1 {
		height = 30 * module
	}
	picture := white(image.Rect(0, 0, (s.columns+2*s.quiet)*module, height+2*s.quiet*module))
	for i, dark := range s.dark {
		if dark {
			x, y := (s.quiet+i%s.columns)*module, (s.quiet+i/s.columns)*module
			draw.Draw(picture, image.Rect(x, y, x+module, y+height/s.rows), image.Black, image.Point{}, draw.Src)
		}
	}
	return picture
}

// Every kind of label, with identifiers of fixed and of any length one after the other.
var kinds = map[Kind][]string{
	Item:      {"(01)09520123456788(21)S-0001", "(01)09520123456788(21)7(10)L(17)271231(92)x", "(21)A(01)09520123456788"},
	Shelf:     {"(414)9520123456788(254)A-01-03", "(92)addr-0001", "(93)slot/1", "(94)place"},
	Bag:       {"(00)395201234567891236", "(00)395201234567891236(10)L-7(02)09520123456788(37)12", "(00)395201234567891236(400)PO-1(91)C-1"},
	Container: {"(8003)09520123456788BOX-77"},
	Shipper:   {"(8003)09520123456788SH01"},
	Card:      {"(95)step/pick"},
	Badge:     {"(96)op-1"},
	Batch:     {"(97)b-7"},
	Tote:      {"(98)T-12"},
}

func TestAMachineReadsEveryKindOfLabel(t *testing.T) {
	require.Len(t, kinds, len(forms), "a kind without an example")
	for kind, all := range kinds {
		for _, code := range all {
			t.Run(fmt.Sprint(kind, " ", code), func(t *testing.T) {
				l := mustLabel(t, kind, code)
				var zpl bytes.Buffer
				require.NoError(t, ZPL(&zpl, []Label{l}, sheetOf(t, "100x150"), 203))
				picture := printed(t, zpl.String())
				if !forms[kind].linear {
					picture = aimed(t, picture)
				}
				requireSame(t, l, decoded(t, forms[kind].linear, picture, onLabel))
				s, err := l.symbol()
				require.NoError(t, err)
				requireSame(t, l, decoded(t, forms[kind].linear, alone(s, 3), onItsOwn))
			})
		}
	}
}

// All ZPL is one picture in the form that printed reads: no printer draws a barcode of its own, whose FNC1 would be an escape.
func TestZPLIsAPictureAndNothingElse(t *testing.T) {
	for _, e := range examples {
		var zpl bytes.Buffer
		require.NoError(t, ZPL(&zpl, []Label{mustLabel(t, e.kind, e.code, e.lines...)}, sheetOf(t, e.sheet), 203))
		require.Regexp(t, `^\^XA\n\^PW\d+\n\^LL\d+\n\^LH0,0\n\^FO0,0\^GFA,\d+,\d+,\d+,[0-9A-Z,:g-z]*\^FS\n\^PQ1\n\^XZ\n$`, zpl.String())
	}
}

// sizes are the square symbols of ECC 200 by their modules, as far as the longest message that is read goes.
var sizes = []int{10, 12, 14, 16, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48, 52, 64, 72, 80}

func TestAMachineReadsMatricesOfEverySize(t *testing.T) {
	seen := map[int]bool{}
	long := func(n int) string { // that many characters of internal use, no two digits side by side, which are one codeword
		var b strings.Builder
		for i := 0; n > 0; i++ {
			value := strings.Repeat("Abc/d-EF", 12)[:min(n, 90)]
			fmt.Fprintf(&b, "(%d)%s", 93+i, value)
			n -= len(value)
		}
		return b.String()
	}
	for n := 1; n <= 384; n += 1 + n/16 {
		l, err := New(Shelf, "(92)"+strings.Repeat("x", min(n, 90)))
		require.NoError(t, err)
		if n > 90 {
			m, err := gs1.Read("(92)A" + strings.ReplaceAll(strings.ReplaceAll(long(n), "(93)", "(99)"), "(94)", "(91)"))
			require.NoError(t, err)
			l.Message = m
		}
		s, err := l.symbol()
		require.NoError(t, err)
		require.Equal(t, s.columns, s.rows)
		seen[s.columns] = true
		requireSame(t, l, decoded(t, false, alone(s, 4), onItsOwn))
	}
	for _, size := range sizes {
		require.True(t, seen[size], "a matrix of %d modules was never drawn; drawn were %v", size, seen)
	}
}

// A reader that did not look at the check character would take any.
func TestAGS1128WithAnotherCheckCharacterIsNotRead(t *testing.T) {
	s, err := mustLabel(t, Bag, "(00)395201234567891236").symbol()
	require.NoError(t, err)
	const word, stopModules = 11, 13
	at := s.columns - stopModules - word // of the check character
	copy(s.dark[at:at+word], s.dark[2*word:3*word])
	bitmap, err := gozxing.NewBinaryBitmapFromImage(alone(s, 3))
	require.NoError(t, err)
	_, err = oned.NewCode128Reader().Decode(bitmap, onItsOwn)
	require.Error(t, err)
}

func TestAMachineReadsWhateverALabelMayHold(t *testing.T) {
	const letters = "ABCXYZabcxyz0123456789!\"%&'()*+,-./_:;<=>?"
	value := func(most int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.SampledFrom([]rune(letters)), 1, most, -1)
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Item, Bag, Shelf}).Draw(t, "kind")
		var elements []gs1.Element
		switch kind {
		case Item:
			elements = []gs1.Element{{AI: gs1.GTIN, Value: "09520123456788"}, {AI: gs1.Serial, Value: value(20).Draw(t, "serial")}}
		case Bag:
			elements = []gs1.Element{{AI: gs1.SSCC, Value: "395201234567891236"}}
		case Shelf:
			elements = []gs1.Element{{AI: gs1.Address, Value: value(90).Draw(t, "address")}}
		}
		for _, ai := range []gs1.AI{"10", "91", "99"} {
			if rapid.Bool().Draw(t, "with "+string(ai)) {
				elements = append(elements, gs1.Element{AI: ai, Value: value(8).Draw(t, string(ai))})
			}
		}
		l := Label{Kind: kind, Message: gs1.Message{Elements: elements}}
		if kind != Item {
			elements = elements[:min(2, len(elements))]
		}
		m, err := gs1.Read("]d2" + gs1.Format(elements...))
		if err != nil {
			t.Skip(err) // a batch wants its GTIN
		}
		l.Message = m
		s, err := l.symbol()
		require.NoError(t, err)
		requireSame(t, l, decoded(t, forms[kind].linear, alone(s, 3), onItsOwn))
	})
}
