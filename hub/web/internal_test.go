package web

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
	rules "meguri/internal/rental"
	"meguri/protocol"
)

var verb = regexp.MustCompile(`%(\[\d\])?[a-z]`)

func TestBothLanguagesHaveEveryMessageWithTheSameArguments(t *testing.T) {
	verbs := func(text string) []string {
		found := verb.FindAllString(strings.ReplaceAll(text, "%02d", "%d"), -1)
		slices.Sort(found)
		return found
	}
	for key, m := range messages {
		require.NotEmpty(t, m.en, key)
		require.NotEmpty(t, m.ja, key)
		require.Equal(t, verbs(m.en), verbs(m.ja), key)
	}
}

func TestEveryMessageThatIsAskedForIsThereAndEachIsUsed(t *testing.T) {
	used := map[string]bool{}
	prefixes := map[string]bool{}
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, f := range files {
			if strings.HasPrefix(f, "messages") || strings.HasSuffix(f, "_test.go") {
				continue
			}
			body, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?:\bt |text\(|Key: *|^)"([a-z][\w. ]*)"`).FindAllStringSubmatch(string(body), -1) {
				if strings.HasSuffix(m[1], ".") {
					prefixes[m[1]] = true
				} else {
					require.Contains(t, messages, m[1], f)
				}
			}
			for _, m := range regexp.MustCompile(`"((?:[a-z]+\.)+)(?:%\w)?"`).FindAllStringSubmatch(string(body), -1) {
				prefixes[m[1]] = true
			}
			for key := range messages {
				if strings.Contains(string(body), `"`+key+`"`) {
					used[key] = true
				}
			}
		}
	}
	for key := range messages {
		byPrefix := false
		for p := range prefixes {
			byPrefix = byPrefix || strings.HasPrefix(key, p)
		}
		require.True(t, used[key] || byPrefix, "%s is a message that nobody shows", key)
	}
	for _, r := range people.Roles() {
		require.Contains(t, messages, "role."+string(r))
	}
}

func readingsAt(start time.Time, minutes ...int) (all []store.ReadingView) {
	for _, m := range minutes {
		all = append(all, store.ReadingView{At: start.Add(time.Duration(m) * time.Minute), MilliC: int64(1000 * m)})
	}
	return all
}

func TestALineBreaksAtAGapAndAtAFault(t *testing.T) {
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	gaps := func(points []point) (at []int) {
		for i, p := range points {
			if p.Gap {
				at = append(at, i)
			}
		}
		return at
	}
	require.Empty(t, gaps(newSeries(readingsAt(start, 0, 2, 4, 6, 8))))
	require.Empty(t, gaps(newSeries(readingsAt(start, 0, 2, 4, 8, 10))), "one missing sample is no gap to see")
	require.Equal(t, []int{3}, gaps(newSeries(readingsAt(start, 0, 2, 4, 20, 22))))
	faulty := readingsAt(start, 0, 2, 4, 6)
	faulty[1].Fault = 2
	require.Equal(t, []int{1}, gaps(newSeries(faulty)))
	require.Empty(t, newSeries(nil))
	require.Len(t, newSeries(readingsAt(start, 5)), 1)

	path := newSparkline(newSeries(readingsAt(start, 0, 2, 4, 20, 22)), 2000, 8000, start, start.Add(time.Hour)).Path
	require.Equal(t, 2, strings.Count(path, "M"), "two lines")
}

func TestThinningKeepsExtremesAndGaps(t *testing.T) {
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var points []point
	for i := range 10_000 {
		points = append(points, point{At: start.Add(time.Duration(i) * time.Second), MilliC: int64(i % 7)})
	}
	points[4321].MilliC, points[1234].MilliC, points[7777].Gap = 9999, -9999, true
	thinned := thin(points, 500)
	require.LessOrEqual(t, len(thinned), 510)
	has := func(want func(point) bool) bool { return slices.ContainsFunc(thinned, want) }
	require.True(t, has(func(p point) bool { return p.MilliC == 9999 }))
	require.True(t, has(func(p point) bool { return p.MilliC == -9999 }))
	require.True(t, has(func(p point) bool { return p.Gap }))
	require.True(t, slices.IsSortedFunc(thinned, func(a, b point) int { return a.At.Compare(b.At) }))
	require.Len(t, thin(points[:10], 500), 10)
}

func TestARangeBarStaysOnItsTrack(t *testing.T) {
	for _, v := range []int64{-50_000, 2000, 5000, 8000, 90_000} {
		b := newRangeBar(v, 2000, 8000)
		require.GreaterOrEqual(t, b.Mark, int64(0))
		require.LessOrEqual(t, b.Mark, int64(100))
	}
	require.Equal(t, rangeBar{25, 50, 50}, newRangeBar(5000, 2000, 8000))
	require.NotPanics(t, func() { newRangeBar(1, 5, 5) })
}

func TestABarcodeIsOneSymbolOfTheElement(t *testing.T) {
	svg := string(barcodeSVG("91", "C-20261201-0001"))
	require.Contains(t, svg, `aria-label="(91) C-20261201-0001"`)
	require.Contains(t, svg, `viewBox="0 0 20 20"`, "16 modules and the quiet zone")
	require.Empty(t, barcodeSVG("91", ""))
	require.NotContains(t, string(barcodeSVG("91", `"><script>`)), "<script>")
	require.Empty(t, barcodeSVG("91", strings.Repeat("x", 5000)), "too long to draw: the text stands alone")
}

func TestSpansAreSaidAsPeopleSayThem(t *testing.T) {
	require.Equal(t, "0 min", duration(english, -time.Hour))
	require.Equal(t, "59 min", duration(english, 59*time.Minute+59*time.Second))
	require.Equal(t, "1 h 05 min", duration(english, 65*time.Minute))
	require.Equal(t, "1時間05分", duration(japanese, 65*time.Minute))
	require.Equal(t, "3 d", duration(english, 73*time.Hour))
	require.Equal(t, "−1.5", celsius(-1500))
	require.Equal(t, "2026年12月1日（火）", dayText(japanese, "2026-12-01"))
	require.Equal(t, "Tue 1 Dec 2026", dayText(english, "2026-12-01"))
}

func TestUncertaintyIsSaidWhereItMatters(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"", ""}, 2 * time.Second: {"", ""}, 2001 * time.Millisecond: {"± 3 s", "± 3秒"}, 3 * time.Minute: {"± 3 min", "± 3分"},
		150 * time.Second: {"± 3 min", "± 3分"}, 50 * time.Hour: {"± 2 d", "± 2日"},
	} {
		require.Equal(t, want, [2]string{off(english, d), off(japanese, d)}, d)
	}
}

func TestEnglishCountsOneAsOne(t *testing.T) {
	require.Equal(t, "1 container, 2 units", english.text("packing.sum", 1, 2))
	require.Equal(t, "容器 1 個、商品 2 点", japanese.text("packing.sum", 1, 2))
	require.Equal(t, "1 order no longer fits and is called off:", english.text("disrupt.calledoff", 1))
	for key, m := range messages {
		bare := strings.ReplaceAll(m.en, " replaces ", "") // a verb
		require.NotRegexp(t, `%(\[\d\])?d [a-z]+s\b`, bare, "%s counts without a singular", key)
		require.NotContains(t, m.ja, "{", key)
	}
}

// A newer device may send a fault that this hub does not know: it is shown as one, in words.
func TestEveryFaultHasWords(t *testing.T) {
	for f := protocol.SensorMissing; f != 0; f++ { // all 255
		key := faultKey(int(f))
		require.Contains(t, messages, key)
		require.Equal(t, f.String() == "unknown fault", key == "fault.unknown", "fault %d", f)
	}
}

func TestCodesAreReadInGroups(t *testing.T) {
	for code, want := range map[string]string{"12345678901": "123 4567 8901", "12345678": "123 4567 8", "123456": "123456", "": ""} {
		require.Equal(t, want, codeText(code))
	}
}

// A rule that a screen has no words for would be shown as nothing.
func TestEveryRuleOfTheRoundHasWords(t *testing.T) {
	source, err := os.ReadFile("../../internal/rental/rules.go")
	require.NoError(t, err)
	named := regexp.MustCompile(`Rule = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(named) == 0 {
		named = regexp.MustCompile(`Rule\s+= "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	}
	require.NotEmpty(t, named)
	for _, m := range named {
		key := ruleKeys[rules.Rule(m[1])]
		require.NotEmpty(t, key, m[1])
		require.Equal(t, m[1], messages["rentalrule."+key].en)
	}
}
