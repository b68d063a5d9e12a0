package web

import (
	"fmt"
	"html/template"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/datamatrix"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"meguri/internal/gs1"
)

// picture draws an SVG of modules, which knows moves and dashes of a line.
func picture(t *testing.T, svg template.HTML) *image.Gray {
	t.Helper()
	const pixels = 4
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	box := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(string(svg))
	require.NotNil(t, box, "%s", svg)
	gray := image.NewGray(image.Rect(0, 0, number(box[1])*pixels, number(box[2])*pixels))
	for i := range gray.Pix {
		gray.Pix[i] = 255
	}
	_, path, ok := strings.Cut(string(svg), `<path d="`)
	require.True(t, ok)
	path, _, _ = strings.Cut(path, `"`)
	x, y := 0, 0
	for _, step := range regexp.MustCompile(`M(\d+) (\d+)\.5|h(\d+)|m(\d+) 0`).FindAllStringSubmatch(path, -1) {
		switch {
		case step[1] != "":
			x, y = number(step[1]), number(step[2])
		case step[3] != "":
			for dx := range number(step[3]) * pixels {
				for dy := range pixels {
					gray.SetGray(x*pixels+dx, y*pixels+dy, color.Gray{})
				}
			}
			x += number(step[3])
		default:
			x += number(step[4])
		}
	}
	return gray
}

func read(t *testing.T, reader gozxing.Reader, svg template.HTML) *gozxing.Result {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture(t, svg))
	require.NoError(t, err)
	result, err := reader.Decode(bitmap, map[gozxing.DecodeHintType]interface{}{gozxing.DecodeHintType_PURE_BARCODE: true})
	require.NoError(t, err)
	return result
}

func TestAMachineReadsWhatPagesDraw(t *testing.T) {
	for _, e := range []gs1.Element{{AI: "91", Value: "C-20261201-0001"}, {AI: "92", Value: "spot-1-fridge-1-01"}, {AI: "93", Value: "a"}, {AI: "94", Value: strings.Repeat("x/9", 30)},
		{AI: "8003", Value: "09520123456788BOX-77"}} {
		t.Run(fmt.Sprint(e), func(t *testing.T) {
			result := read(t, datamatrix.NewDataMatrixReader(), barcodeSVG(string(e.AI), e.Value))
			require.Equal(t, "]d2", result.GetResultMetadata()[gozxing.ResultMetadataType_SYMBOLOGY_IDENTIFIER], "FNC1 in front says that it is GS1's")
			require.Equal(t, "\x1d"+gs1.Format(e), result.GetText())
			got, err := gs1.Parse("]d2" + strings.TrimPrefix(result.GetText(), "\x1d"))
			require.NoError(t, err)
			require.Equal(t, []gs1.Element{e}, got)
		})
	}
	for _, text := range []string{"otpauth://totp/Meguri:aoki?secret=JBSWY3DPEHPK3PXP&issuer=Meguri", "合い言葉", strings.Repeat("x", 800)} {
		require.Equal(t, text, read(t, qrcode.NewQRCodeReader(), qrSVG(text)).GetText())
	}
}
