package reader_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"meguri/edge/device/reader"

	"github.com/stretchr/testify/require"
)

// packet is one of a decoder, made apart from the driver.
func packet(opcode, status byte, data string) string {
	b := append([]byte{byte(4 + len(data)), opcode, 0, status}, data...)
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	return string(append(b, byte(-sum>>8), byte(-sum)))
}

const (
	ack = "\x04\xD0\x04\x00\xFF\x28"
	nak = "\x05\xD1\x04\x00\x01\xFF\x25"
)

// port is a line whose other side says what it has to say at once.
type port struct {
	io.Reader
	answers bytes.Buffer
}

func (p *port) Write(b []byte) (int, error) { return p.answers.Write(b) }

func TestPackets(t *testing.T) {
	code := packet(0xF3, 0, "\x0F]C180030123")
	broken := strings.Replace(code, "3012", "3013", 1)
	long := packet(0xF3, 2, "\x1C"+strings.Repeat("x", 240))
	for name, c := range map[string]struct {
		bytes   string
		want    []reader.Scan
		answers string
		dropped uint64
	}{
		"a scan":                         {code, []reader.Scan{{"C1", "80030123"}}, ack, 0},
		"two":                            {code + packet(0xF3, 0, "\x01abc"), []reader.Scan{{"C1", "80030123"}, {Text: "abc"}}, ack + ack, 0},
		"a wake-up before it":            {"\x00" + code, []reader.Scan{{"C1", "80030123"}}, ack, 0},
		"a suffix is none of it":         {packet(0xF3, 0, "\x01abc\r\n"), []reader.Scan{{Text: "abc"}}, ack, 0},
		"a wrong sum is asked for again": {broken + packet(0xF3, 1, "\x0F]C180030123"), []reader.Scan{{"C1", "80030123"}}, nak + ack, 0},
		"a lost answer is given again":   {code + packet(0xF3, 1, "\x0F]C180030123"), []reader.Scan{{"C1", "80030123"}}, ack + ack, 0},
		"the same box twice is two":      {code + code, []reader.Scan{{"C1", "80030123"}, {"C1", "80030123"}}, ack + ack, 0},
		"several packets":                {packet(0xF3, 2, "\x1C]Q3ab") + packet(0xF3, 0, "\x1Ccd"), []reader.Scan{{"Q3", "abcd"}}, ack + ack, 0},
		"too long is dropped":            {strings.Repeat(long, 9) + packet(0xF3, 0, "\x1Cy") + code, []reader.Scan{{"C1", "80030123"}}, strings.Repeat(ack, 11), 1},
		"no text is dropped":             {packet(0xF3, 0, "\x01a\x00") + code, []reader.Scan{{"C1", "80030123"}}, ack + ack, 1},
		"other packets are none":         {packet(0xD0, 0, "") + packet(0xF6, 0, "\x00"), nil, ack, 0},
		"no data":                        {packet(0xF3, 0, ""), nil, ack, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.bytes), iotest.OneByteReader(strings.NewReader(c.bytes))} {
				p := &port{Reader: r}
				d := reader.NewSSI(p, nil)
				var got []reader.Scan
				require.ErrorIs(t, d.Run(t.Context(), func(s reader.Scan) { got = append(got, s) }), io.EOF)
				require.Equal(t, c.want, got)
				require.Equal(t, c.answers, p.answers.String())
				require.Equal(t, c.dropped, d.Dropped())
			}
		})
	}
}

// A byte that is lost costs one packet, and not all that follow: the next one comes after a silence.
func TestALostByteCostsOnePacket(t *testing.T) {
	code := packet(0xF3, 0, "\x0F]C180030123")
	at := time.Unix(0, 0)
	p := &port{Reader: strings.NewReader(code[:8] + code[9:] + code)}
	n := 0
	d := reader.NewSSI(p, func() time.Time {
		if n++; n == len(code) { // the first byte of the second packet
			at = at.Add(time.Second)
		}
		return at
	})
	var got []reader.Scan
	require.ErrorIs(t, d.Run(t.Context(), func(s reader.Scan) { got = append(got, s) }), io.EOF)
	require.Equal(t, []reader.Scan{{"C1", "80030123"}}, got)
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte(packet(0xF3, 0, "\x0F]C180030123")))
	f.Add([]byte("\x00\x03\xff" + packet(0xF3, 2, "\x01a") + packet(0xF3, 0, "\x01")))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &port{Reader: bytes.NewReader(b)}
		_ = reader.NewSSI(p, nil).Run(t.Context(), func(s reader.Scan) {
			require.NotEmpty(t, s.Text)
			require.LessOrEqual(t, len(s.Text), reader.MaxLine)
			require.True(t, utf8.ValidString(s.Text))
			require.False(t, strings.ContainsAny(s.Text, "\r\n\x00"))
		})
		require.LessOrEqual(t, p.answers.Len(), len(b)*7/6+7, "no more answers than packets")
	})
}
