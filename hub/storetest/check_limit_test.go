package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/check"
)

// Two units of a-cold and two of a-rare are sold on the clean day.
func TestAStandingLimit(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"lowered by an import below what is sold is noticed", limitImported},
			{"lowered and then exceeded is oversold", limitExceeded},
			{"that an import has not lowered is oversold as before", limitUnchanged},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

// limited are the files of the clean day with another standing limit of a-cold.
func limited(t *testing.T, to string) bulk.Network {
	return Network(t, append([]string{bulk.ProductsFile, "鶏もも,shop-a,9520001000010,cold,400,20", "鶏もも,shop-a,9520001000010,cold,400," + to}, roomier...)...)
}

func limitImported(t *testing.T, empty func() string) {
	s, _ := cleanDay(t, empty)
	for _, to := range []string{"1", "0", "1", "1"} { // lower, lower still, raised below what is sold, the same again
		Import(t, s, limited(t, to))
		r := lookAt(t, s)
		require.Equal(t, []string{"limit_lowered a-cold"}, found(r), to)
		require.Equal(t, check.Noticed, r.Findings[0].Severity())
		require.Equal(t, []check.Row{{Table: "products", Key: "a-cold"}}, r.Findings[0].Rows)
		require.Equal(t, []string{"a-cold", "2", to}, r.Findings[0].Args)
	}
	Import(t, s, limited(t, "2"))
	require.Empty(t, found(lookAt(t, s)))
}

func limitExceeded(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	Import(t, s, limited(t, "1"))
	Break(t, url, "UPDATE orders SET placed_at = placed_at + 1 WHERE id = 'o-2'")
	require.Equal(t, []string{"over_sales a-cold"}, found(lookAt(t, s)), "something was sold since")
}

func limitUnchanged(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	Break(t, url, "UPDATE products SET sales_limit_per_day = 1 WHERE id = 'a-cold'")
	for range 2 {
		require.Equal(t, []string{"over_sales a-cold"}, found(lookAt(t, s)))
		Import(t, s, limited(t, "1"))
	}
}
