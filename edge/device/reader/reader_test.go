package reader_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"meguri/edge/device/reader"

	"github.com/stretchr/testify/require"
)

func scans(t *testing.T, r io.Reader) ([]reader.Scan, uint64) {
	t.Helper()
	var got []reader.Scan
	d := reader.New(r)
	err := d.Run(t.Context(), func(s reader.Scan) { got = append(got, s) })
	require.ErrorIs(t, err, io.EOF)
	return got, d.Dropped()
}

func TestScans(t *testing.T) {
	long := strings.Repeat("x", reader.MaxLine)
	for name, c := range map[string]struct {
		bytes   string
		want    []reader.Scan
		dropped uint64
	}{
		"CR ends a scan":         {"a\rb\r", []reader.Scan{{Text: "a"}, {Text: "b"}}, 0},
		"LF ends a scan":         {"a\nb\n", []reader.Scan{{Text: "a"}, {Text: "b"}}, 0},
		"CR LF ends one scan":    {"a\r\nb\r\n", []reader.Scan{{Text: "a"}, {Text: "b"}}, 0},
		"empty lines are none":   {"\r\n\r\n", nil, 0},
		"no end, no scan":        {"abc", nil, 1},
		"GS1-128":                {"]C1800301234567890128\r", []reader.Scan{{"C1", "800301234567890128"}}, 0},
		"GS1 DataMatrix":         {"]d2010123\x1d17\r", []reader.Scan{{"d2", "010123\x1d17"}}, 0},
		"GS1 QR":                 {"]Q3abc\r", []reader.Scan{{"Q3", "abc"}}, 0},
		"plain QR is not GS1":    {"]Q1abc\r", []reader.Scan{{"Q1", "abc"}}, 0},
		"identifier alone":       {"]C1\ra\r", []reader.Scan{{Text: "a"}}, 1},
		"a bracket is no symbol": {"]-1abc\r]\r", []reader.Scan{{Text: "]-1abc"}, {Text: "]"}}, 0},
		"the longest":            {long + "\r", []reader.Scan{{Text: long}}, 0},
		"too long is dropped":    {long + "x\ra\r", []reader.Scan{{Text: "a"}}, 1},
		"control characters":     {"a\x00b\rc\r", []reader.Scan{{Text: "c"}}, 1},
		"broken UTF-8":           {"a\xffb\rc\r", []reader.Scan{{Text: "c"}}, 1},
		"Japanese":               {"卵\r", []reader.Scan{{Text: "卵"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, dropped := scans(t, strings.NewReader(c.bytes))
			require.Equal(t, c.want, got)
			require.Equal(t, c.dropped, dropped)
			got, dropped = scans(t, iotest.OneByteReader(strings.NewReader(c.bytes)))
			require.Equal(t, c.want, got)
			require.Equal(t, c.dropped, dropped)
		})
	}
}

func TestTheEndOfTheContextEndsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- reader.New(r).Run(ctx, func(reader.Scan) {}) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("]C1800301234567890128\r\n]d2\x1d\r"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = reader.New(strings.NewReader(string(b))).Run(t.Context(), func(s reader.Scan) {
			require.NotEmpty(t, s.Text)
			require.LessOrEqual(t, len(s.Text), reader.MaxLine)
			require.True(t, utf8.ValidString(s.Text))
			require.False(t, strings.ContainsAny(s.Text, "\r\n\x00"))
			require.True(t, s.Symbology == "" || len(s.Symbology) == 2)
		})
	})
}

// replugged gives what it holds piece by piece: an empty one is a failure of the stream, and each but the first comes after a wait.
type replugged struct {
	pieces []string
	wait   time.Duration
	read   int
}

func (r *replugged) Read(p []byte) (int, error) {
	if r.read == len(r.pieces) {
		return 0, io.EOF
	}
	if r.read > 0 {
		time.Sleep(r.wait) // of the bubble
	}
	r.read++
	if r.pieces[r.read-1] == "" {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, r.pieces[r.read-1]), nil
}

func (r *replugged) Write(p []byte) (int, error) { return len(p), nil }

func TestHalfAScanIsNotJoinedToTheNext(t *testing.T) {
	first, next := packet(0xF3, 2, "\x01ABC"), packet(0xF3, 0, "\x01DEF")
	for name, c := range map[string]struct {
		wait    time.Duration
		pieces  []string
		ssi     bool
		want    string
		dropped uint64
	}{
		"a line after its reader was dark":    {6 * time.Second, []string{"ABC", "DEF\r"}, false, "DEF", 1},
		"a line of a stream opened again":     {0, []string{"ABC", "", "DEF\r"}, false, "DEF", 1},
		"a PIN that is typed":                 {3 * time.Second, []string{"1", "2", "\r"}, false, "12", 0},
		"an end that is late":                 {6 * time.Second, []string{"ABC", "\r"}, false, "ABC", 0},
		"a packet after its reader was dark":  {6 * time.Second, []string{first, next}, true, "DEF", 1},
		"a packet of a stream opened again":   {0, []string{first, "", next}, true, "DEF", 1},
		"a packet that is sent again after 2": {2 * time.Second, []string{first, next}, true, "ABCDEF", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &replugged{pieces: c.pieces, wait: c.wait}
				d := reader.New(r)
				if c.ssi {
					d = reader.NewSSI(r, nil)
				}
				var got []string
				err := io.ErrUnexpectedEOF
				for err != nil && !errors.Is(err, io.EOF) {
					err = d.Run(t.Context(), func(s reader.Scan) { got = append(got, s.Text) })
				}
				require.Equal(t, []string{c.want}, got)
				require.Equal(t, c.dropped, d.Dropped())
			})
		})
	}
}
