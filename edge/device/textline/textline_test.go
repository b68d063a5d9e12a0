package textline_test

import (
	"errors"
	"strings"
	"testing"

	"meguri/edge/device/textline"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	var b strings.Builder
	d := textline.New(&b)
	require.NoError(t, d.Show("Open: A3."))
	require.NoError(t, d.Refuse("No such code here."))
	require.NoError(t, d.Beep())
	require.NoError(t, d.Halt())
	require.Equal(t, "Open: A3.\r\n\aNo such code here.\r\n\a\r\n", b.String())
}

func TestALineStaysOneLine(t *testing.T) {
	var b strings.Builder
	require.NoError(t, textline.New(&b).Show("a\nb\x1b[2Jc\xff"))
	require.Equal(t, "a b [2Jc \r\n", b.String())
}

func TestALongLineIsCut(t *testing.T) {
	var b strings.Builder
	require.NoError(t, textline.New(&b).Show(strings.Repeat("巡", 500)))
	require.Equal(t, strings.Repeat("巡", textline.MaxRunes-1)+"…\r\n", b.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("unplugged") }

func TestADisplayThatFailsIsAnError(t *testing.T) {
	require.ErrorContains(t, textline.New(broken{}).Show("x"), "unplugged")
}

func TestACodeIsShownWholeOrNotAtAll(t *testing.T) {
	var b strings.Builder
	d := textline.New(&b)
	long := "MEGURIS1:" + strings.Repeat("A7", (textline.MaxCode-9)/2)
	require.NoError(t, d.Code(long))
	require.Equal(t, long+"\r\n", b.String())
	for _, bad := range []string{"", "A", "MEGURIS1:" + strings.Repeat("A", textline.MaxCode), "MEGURIS1:a", "MEGURIS1:A\r\n", "MEGURIS1:巡"} {
		require.Error(t, d.Code(bad), bad)
	}
	require.Equal(t, long+"\r\n", b.String())
}
