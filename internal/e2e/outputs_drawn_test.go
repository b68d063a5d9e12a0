package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"math"
	"mime"
	"net"
	"net/mail"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/alarm/notify"
	"meguri/hub/label"
)

// strokes is how a text is drawn on labels and in reports, where no font is: in dots of a bitmap, those side by side in one piece. Each
// piece is its length in brackets, and between two are the steps from one to the next, in dots.
func strokes(text string) string {
	var b strings.Builder
	x, lastX, lastY := 0, 0, 0
	for _, r := range text {
		dots, cells := label.Dots(r)
		for i := 0; i < len(dots); {
			run := 1
			for i+run < len(dots) && dots[i+run].Y == dots[i].Y && dots[i+run].X == dots[i].X+run {
				run++
			}
			stroke(&b, x+dots[i].X-lastX, dots[i].Y-lastY, run)
			lastX, lastY = x+dots[i].X, dots[i].Y
			i += run
		}
		x += cells * label.CellWidth
	}
	return b.String()
}

func stroke(b *strings.Builder, dx, dy, run int) {
	if b.Len() > 0 {
		fmt.Fprintf(b, "%d,%d", dx, dy)
	}
	fmt.Fprintf(b, "[%d]", run)
}

var rectangle = regexp.MustCompile(`([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re f`)

// drawn are the strokes of the filled rectangles of a PDF's content, in the order in which they are drawn. PDF counts upwards.
func drawn(content []byte) []byte {
	var b strings.Builder
	lastX, lastY := 0.0, 0.0
	for _, m := range rectangle.FindAllSubmatch(content, -1) {
		var v [4]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(string(m[i+1]), 64) // as the pattern has it
		}
		dot := math.Abs(v[3])
		if dot == 0 {
			continue
		}
		// Bold is half a dot longer. What is far away is not of one word.
		steps := func(length float64) int { return int(max(-1000, min(1000, math.Round(length/dot)))) }
		stroke(&b, steps(v[0]-lastX), steps(lastY-v[1]), int(min(1000, v[2]/dot+0.25)))
		lastX, lastY = v[0], v[1]
	}
	return []byte(b.String())
}

// letters is a mail server that keeps what it is given.
type letters struct{ d *aDay }

type letterSession struct{ d *aDay }

func (l letters) NewSession(*smtp.Conn) (smtp.Session, error) { return letterSession(l), nil }
func (letterSession) Reset()                                  {}
func (letterSession) Logout() error                           { return nil }
func (letterSession) Mail(string, *smtp.MailOptions) error    { return nil }
func (letterSession) Rcpt(string, *smtp.RcptOptions) error    { return nil }
func (s letterSession) Data(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, 1<<20))
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.mails = append(s.d.mails, output{"mail", "mail", opened(data)})
	return err
}

// opened is a mail with its subject and text decoded.
func opened(data []byte) []byte {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return data
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")) // or it stands in data as it is
	text, _ := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))      // as far as it is one
	return append(append(bytes.Clone(data), "\n"+subject+"\n"...), text...)
}

// post begins to take the mails of the day.
func (d *aDay) post() (at string) {
	d.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(d.t, err)
	server := smtp.NewServer(letters{d})
	go func() { _ = server.Serve(l) }() // ends with the test
	d.t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// plantMail sends a mail as the hub does.
func (d *aDay) plantMail() {
	d.t.Helper()
	p := notify.Post{Server: d.smtp, From: "hub@example.jp"}
	m := notify.Message{Notice: alarm.Notice{ID: "n", Recipient: alarm.Recipient{Channel: alarm.Mail, To: "a@example.jp", Language: "en"}},
		PlaceName: strings.Repeat("far inside ", 20) + leaked, Zone: time.UTC}
	require.NoError(d.t, p.Send(d.ctx, m))
}

// labels are those of menu cards, and of things with words on them; the codes that telephones show, as a camera reads them, too.
func (d *aDay) labels(whole bool) (all []output) {
	d.t.Helper()
	keep := func(name string, data []byte) { all = append(all, output{"label", name, inflated(data)}) }
	for i, words := range append([]string{"谷中 Yanaka"}, d.words...) {
		code := fmt.Sprintf("(93)slot-%d", i)
		keep("slot.pdf", d.hub("label", "shelf", code, words))
		keep("slot.zpl", d.hub("label", "shelf", code, words, "--format", "zpl")) // a picture of the same dots, and perhaps words beside it
	}
	if !whole {
		return all
	}
	keep("cards.pdf", d.hub("label", "card", "--all"))
	dir := d.t.TempDir()
	d.hub("token", "staff", "--place", "yanaka", "--name", "Philippa Ravensmere", "--reason", "the lamp is broken", "--qr", dir) // and tells who types it so
	pictures, err := filepath.Glob(filepath.Join(dir, "*.png"))
	require.NoError(d.t, err)
	require.NotEmpty(d.t, pictures)
	for _, o := range d.files("label", "", pictures...) {
		keep("pass as QR", qrText(d.t, o.data))
	}
	return all
}

func qrText(t *testing.T, data []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	require.NoError(t, err)
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	require.NoError(t, err)
	return []byte(result.GetText())
}

func TestTheScanReadsWhatIsDrawn(t *testing.T) {
	const name = "天沢 Amabel"
	var n needles
	n.add(customers, name)
	sheet, err := label.Find(label.Sheets(), "60x40")
	require.NoError(t, err)
	for words, want := range map[string]bool{name: true, "to " + name + "!": true, "天沢 Amabe": false} {
		l, err := label.New(label.Shelf, "(92)A", "first", words)
		require.NoError(t, err)
		var pdf bytes.Buffer
		require.NoError(t, label.PDF(&pdf, []label.Label{l}, sheet, 1))
		require.Equal(t, want, len(n.find(output{data: inflated(pdf.Bytes())})) > 0, words)
	}
}

func TestTheScanOpensMails(t *testing.T) {
	var n needles
	n.add(customers, "Amabel Abernale")
	text := base64.StdEncoding.EncodeToString([]byte("to Amabel Abernale"))
	letter := []byte("From: a@example.jp\r\nContent-Transfer-Encoding: base64\r\n\r\n" + text[:11] + "\r\n" + text[11:] + "\r\n")
	require.Empty(t, n.find(output{data: letter}))
	require.NotEmpty(t, n.find(output{data: opened(letter)}))
	require.NotEmpty(t, n.find(output{data: opened([]byte("Subject: " + mime.BEncoding.Encode("utf-8", "天沢: Amabel Abernale") + "\r\n\r\n"))}))
}
