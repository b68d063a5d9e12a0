package alarm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsSaidIsReadInEachLanguage(t *testing.T) {
	two := Say(Text{"due 2026-12-15", "期限 2026-12-15"})
	require.Equal(t, "due 2026-12-15", two.In("en"))
	require.Equal(t, "期限 2026-12-15", two.In("ja"))
	require.Equal(t, Said("the plug was pulled"), Say(Text{"the plug was pulled", "the plug was pulled"}), "as a person typed it")
	require.Equal(t, "the plug was pulled", Said("the plug was pulled").In("ja"))
	require.Empty(t, Say(Text{}))
}
