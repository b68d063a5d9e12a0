package plural_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/internal/plural"
)

func TestOneIsSingularAndAnyOtherNumberPlural(t *testing.T) {
	for want, got := range map[string]string{
		"0 orders": plural.Of(0, "order"), "1 order": plural.Of(1, "order"), "2 orders": plural.Of(int64(2), "order"),
		"1 delivery": plural.Of(1, "delivery"), "2 deliveries": plural.Of(2, "delivery"), "3 days": plural.Of(3, "day"),
		"2 addresses": plural.Of(uint64(2), "address"), "1 address": plural.Of(1, "address"), "2 boxes": plural.Of(2, "box"),
		"-1 findings": plural.Of(-1, "finding"), "2 refused scans": plural.Of(2, "refused scan"),
	} {
		require.Equal(t, want, got)
	}
}

func TestEachChoiceFitsTheNumberBeforeIt(t *testing.T) {
	for text, want := range map[string]string{
		"1 {order is|orders are} held, 11 {unit|units}": "1 order is held, 11 units",
		"0 {unit|units}, 1 {unit|units}":                "0 units, 1 unit",
		"no number {a|b}, 1 {":                          "no number {a|b}, 1 {", "": "",
	} {
		require.Equal(t, want, plural.Choose(text))
	}
}
