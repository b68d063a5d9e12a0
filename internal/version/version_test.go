package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionNamesTheCommitAndChangesOnTopOfIt(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	require.Equal(t, number, text(nil))
	require.Equal(t, number, text([]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}))
	require.Equal(t, number+"+0123456789ab", text([]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}}))
	require.Equal(t, number+"+0123456789ab.modified", text([]debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}))
	require.NotEmpty(t, Text())
}
