package board

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/device"
)

func TestAClockThatIsMissingOrDoesNotTellIsNoLowBattery(t *testing.T) {
	var advised *device.Advised
	_, err := clockBattery(filepath.Join(t.TempDir(), "rtc0"))
	require.ErrorAs(t, err, &advised)
	require.Contains(t, advised.Do, "overlay")
	file := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = clockBattery(file)
	require.ErrorIs(t, err, device.ErrNotTold, "what answers no such question")
}

func TestWhatTheKernelSaysOfTheBattery(t *testing.T) {
	for flags, low := range map[uint32]bool{0: false, 1: false, 2: true, 4: true, 6: true, 8: false, 16: false} {
		require.Equal(t, low, lowBattery(flags), "%#x", flags)
	}
}
