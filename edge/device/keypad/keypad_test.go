package keypad_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"meguri/edge/device/keypad"

	"github.com/stretchr/testify/require"
)

func codes(t *testing.T, r io.Reader) []string {
	t.Helper()
	var got []string
	err := keypad.New(r, nil).Run(t.Context(), func(c string) { got = append(got, c) })
	require.ErrorIs(t, err, io.EOF)
	return got
}

func TestCodes(t *testing.T) {
	for name, c := range map[string]struct {
		keys string
		want []string
	}{
		"enter ends a code":        {"1234#56789#", []string{"1234", "56789"}},
		"so do CR and LF":          {"12\r34\n", []string{"12", "34"}},
		"star clears":              {"12*34#", []string{"34"}},
		"backspace clears":         {"12\b34#", []string{"34"}},
		"enter alone is nothing":   {"###\r\n", nil},
		"noise is passed over":     {"1\x002\xff3x4#", []string{"1234"}},
		"no enter, no code":        {"1234", nil},
		"the longest":              {strings.Repeat("7", 16) + "#", []string{strings.Repeat("7", 16)}},
		"too long shows in length": {strings.Repeat("7", 1000) + "#1#", []string{strings.Repeat("7", 17), "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, codes(t, strings.NewReader(c.keys)))
			require.Equal(t, c.want, codes(t, iotest.OneByteReader(strings.NewReader(c.keys))))
		})
	}
}

func TestNobodyCompletesAnothersCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var got []string
		done := make(chan error)
		go func() { done <- keypad.New(r, nil).Run(t.Context(), func(c string) { got = append(got, c) }) }()
		write := func(keys string) {
			_, err := w.Write([]byte(keys))
			require.NoError(t, err)
		}
		write("12")
		time.Sleep(keypad.Pause)
		write("34#")
		write("12")
		time.Sleep(keypad.Pause + time.Millisecond)
		write("34#")
		require.NoError(t, w.Close())
		require.ErrorIs(t, <-done, io.EOF)
		require.Equal(t, []string{"1234", "34"}, got)
	})
}

func TestTheEndOfTheContextEndsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- keypad.New(r, nil).Run(ctx, func(string) {}) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("1234#*56\r\n"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		_ = keypad.New(strings.NewReader(string(keys)), nil).Run(t.Context(), func(c string) {
			require.True(t, len(c) > 0 && len(c) <= keypad.MaxDigits+1, c)
			require.Empty(t, strings.Trim(c, "0123456789"))
		})
	})
}
