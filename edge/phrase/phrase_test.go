package phrase

import (
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const columns = 80

// width counts columns: a Japanese character takes two.
func width(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

func TestEveryLineIsThereInBothLanguagesWithTheSamePlaces(t *testing.T) {
	place := regexp.MustCompile(`\{[^}]*\}`)
	japanese := regexp.MustCompile(`\p{Han}|\p{Hiragana}|\p{Katakana}`)
	places := func(text string) []string {
		found := place.FindAllString(text, -1)
		slices.Sort(found)
		return found
	}
	for k := range keys {
		l := lines[k]
		require.NotEmpty(t, l.en, "key %d", k)
		require.NotEmpty(t, l.ja, l.en)
		require.Equal(t, places(l.en), places(l.ja), l.en)
		for i, p := range places(l.en) {
			require.Equal(t, "{"+string(rune('1'+i))+"}", p, "places count from 1: %s", l.en)
		}
		require.False(t, japanese.MatchString(l.en), l.en)
		require.True(t, japanese.MatchString(l.ja), l.ja)
		require.LessOrEqual(t, width(l.en), columns, l.en)
		require.LessOrEqual(t, width(l.ja), columns, l.ja)
	}
}

func TestAPhraseIsTextInTheLanguageOfTheKit(t *testing.T) {
	p := New(PartlyDelivered, "1", "2", "slot-7")
	require.Equal(t, "1 of 2 boxes here. Not yet in: slot-7.", p.In(English))
	require.Equal(t, "2箱のうち1箱が届いています。未着: slot-7", p.In(Japanese))
	require.Equal(t, p.In(English), p.In(""), "English unless somebody says otherwise")
}

func TestAnArgumentIsNeverReadAsAPlace(t *testing.T) {
	require.Equal(t, "Open: {2}. More of your order is in x.", New(OpenSlotsElsewhere, "{2}", "x").In(English))
}

func TestAnUnknownKeyIsStillALine(t *testing.T) {
	require.Equal(t, "Line 255.", New(255).In(Japanese))
}

func TestALongListIsCutAndSaysHowManyMore(t *testing.T) {
	require.Equal(t, "", List(nil))
	require.Equal(t, "a, b, c", List([]string{"a", "b", "c"}))
	require.Equal(t, "a, b, c +2", List([]string{"a", "b", "c", "d", "e"}))
}

func TestAnUnknownLanguageIsRefusedByName(t *testing.T) {
	for _, l := range []Language{"", English, Japanese} {
		require.NoError(t, l.Check())
	}
	require.ErrorContains(t, Language("de").Check(), `language "de": want en or ja`)
}

func TestStepsAndDamagesHaveTheirNamesInTheLanguageOfTheKit(t *testing.T) {
	require.Equal(t, "返却検品 を開始します。", New(StepBegun, "inspect_return").In(Japanese))
	require.Equal(t, "Inspect a return: ready.", New(StepBegun, "inspect_return").In(English))
	require.Equal(t, "損傷2: かび", New(DamageNoted, "mould", "2").In(Japanese))
	require.Equal(t, "Table 7: ready.", New(StepBegun, "Table 7").In(English), "a name that somebody has chosen")
	require.Equal(t, "stain 確認しました。", New(PieceRight, "stain").In(Japanese), "a piece that is called like a damage")
	require.Len(t, steps, 22)
	for of, names := range words {
		for name, w := range names {
			require.NotEmpty(t, w.en, name)
			require.Regexp(t, `\p{Han}|\p{Hiragana}|\p{Katakana}`, w.ja)
			for _, l := range []Language{English, Japanese} {
				require.LessOrEqual(t, width(New(of, name, "1").In(l)), columns)
			}
		}
	}
}
