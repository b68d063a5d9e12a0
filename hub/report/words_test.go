package report

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/label"
)

var (
	saidText = regexp.MustCompile(`p\.say\("((?:[^"\\]|\\.)*)"`)
	verbText = regexp.MustCompile(`%(?:\[\d\])?([a-z0-9]*[sd])`)
)

// A text without its Japanese would stand there in English, and one whose verbs differ would print nonsense.
func TestEveryTextOfAReportHasItsJapanese(t *testing.T) {
	for _, file := range []string{"pdf.go", "words.go"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		found := saidText.FindAllSubmatch(source, -1)
		require.NotEmpty(t, found)
		for _, m := range found {
			require.Contains(t, inJapanese, string(m[1]), file)
		}
	}
	verbs := func(s string) (all []string) {
		for _, m := range verbText.FindAllStringSubmatch(s, -1) {
			all = append(all, m[1])
		}
		slices.Sort(all)
		return all
	}
	for en, ja := range inJapanese {
		require.Equal(t, verbs(en), verbs(ja), en)
		for _, r := range ja {
			dots, _ := label.Dots(r)
			question, _ := label.Dots('?')
			require.NotEqual(t, question, dots, "%q of %q is not in the font", r, ja)
		}
	}
	for _, state := range []fleet.State{fleet.StateSensorFault, fleet.StateThinned, fleet.StateOff, fleet.StateNotFlushed, fleet.StateNotSampled,
		fleet.StateNotArrived, fleet.StateDamaged, fleet.StateIncarnationLost, fleet.StateQuarantined, fleet.StateDiscarded, fleet.StateNotHeld, fleet.StateNotInUse} {
		p := pdf{lang: Japanese}
		require.NotRegexp(t, "[a-z]", p.gapText(fleet.Stretch{State: state}))
	}
}
