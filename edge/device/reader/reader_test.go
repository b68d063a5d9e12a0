package reader_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
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
		"no end, no scan":        {"abc", nil, 0},
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
