package coldchain

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fridge of at most 8 °C in which meat and vegetables may stand.
func TestAnOwnRuleTakesThePlaceOfTheDefaultOnlyWhereNothingGoesUnwatched(t *testing.T) {
	rule := func(category string, limitMilliC int64, low bool) Own {
		return Own{Category: category, Leg: Station, Rule: Rule{Kind: Consecutive, LimitMilliC: limitMilliC, Low: low, For: time.Hour}}
	}
	both := []string{"meat", "vegetables"}
	for name, c := range map[string]struct {
		own        []Own
		categories []string
		high, low  bool // is the default on this side there still?
	}{
		"nothing is said":                         {nil, both, true, true},
		"laxer for one of two":                    {[]Own{rule("vegetables", 25_000, false)}, both, true, true},
		"laxer for both":                          {[]Own{rule("vegetables", 25_000, false), rule("meat", 9_000, false)}, both, false, true},
		"laxer for the only one":                  {[]Own{rule("vegetables", 25_000, false)}, []string{"vegetables"}, false, true},
		"as strict, for one":                      {[]Own{rule("meat", 8_000, false)}, both, false, true},
		"stricter below, for one":                 {[]Own{rule("meat", 1_000, true)}, both, true, false},
		"laxer below, for one":                    {[]Own{rule("meat", -1_000, true)}, both, true, true},
		"at once, which is something else":        {[]Own{{Category: "meat", Rule: Rule{Kind: Consecutive, LimitMilliC: 8_000}}}, both, true, true},
		"counted with goods, which is so as well": {[]Own{{Category: "meat", Rule: Rule{Kind: Cumulative, LimitMilliC: 8_000, For: time.Hour}}}, both, true, true},
	} {
		rules := Standing(0, 8_000, 10, c.own, c.categories)
		standard := func(low bool) bool {
			return slices.ContainsFunc(rules, func(r Rule) bool { _, own := IsOwn(r.Name); return !own && r.Low == low })
		}
		require.Equal(t, c.high, standard(false), name)
		require.Equal(t, c.low, standard(true), name)
	}
}
