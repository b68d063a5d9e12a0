package rental_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/rental"
	"meguri/hub/storetest"
	rules "meguri/internal/rental"
	"meguri/protocol"
)

// What a person has to look at is said in English and Japanese, also after it was closed and is so again.
func TestWorkIsSaidInBothLanguages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		tried(t, open(t, empty(), 4), func(w *world) {
			w.bag("s-1", 1, "bag-7", protocol.StepShip)
			w.allocate("o-0")
			pieces := w.lines("o-0")
			w.scan("s-1", 2, pieces[0], protocol.StepPick, order("o-1"), refused)
			all, err := w.tx.Work(w.ctx, false, 100)
			require.NoError(t, err)
			require.Len(t, all, 2)
			for _, v := range all {
				said := alarm.Said(v.Detail).Text()
				require.NotEqual(t, said.EN, said.JA, v.Kind)
				require.True(t, strings.ContainsFunc(said.JA, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana) }), said.JA)
				require.False(t, strings.ContainsFunc(said.EN, func(r rune) bool { return unicode.In(r, unicode.Han) }), said.EN)
				require.NoError(t, w.tx.CloseWork(w.ctx, v.ID, "lead-1", at(3)))
			}
			w.bag("s-1", 4, "bag-7", protocol.StepShip)
			all, err = w.tx.Work(w.ctx, false, 100)
			require.NoError(t, err)
			require.Len(t, all, 1)
			said := alarm.Said(all[0].Detail).Text()
			require.Contains(t, said.EN, "nobody has scanned what is in it")
			require.Contains(t, said.EN, "[before this, lead-1 had closed it]")
			require.Contains(t, said.JA, "スキャンされないまま")
			require.Contains(t, said.JA, "以前 lead-1 が閉じました")
			w.bag("s-1", 5, "bag-7", protocol.StepReceive)
			all, err = w.tx.Work(w.ctx, true, 100)
			require.NoError(t, err)
			for _, v := range all {
				if v.Subject == "bag-7" {
					require.Contains(t, alarm.Said(v.Detail).Text().EN, "[settled by itself: the bag is back")
				}
			}
		})
	})
}

// A step, state or effect that has no words would be shown as nothing.
func TestEveryStepAndStateHasWords(t *testing.T) {
	for s := protocol.StepRegister; s <= protocol.StepRetire; s++ {
		require.NotEmpty(t, rental.Steps[s].JA, "step %d", s)
	}
	for c := protocol.Custody(0); c <= protocol.Retired; c++ {
		if !strings.HasPrefix(rental.CustodyName(c), "custody ") {
			require.NotEmpty(t, rental.Custodies[c].JA, rental.CustodyName(c))
		}
	}
	for _, e := range []rules.Effect{rules.Told, rules.Ignored, rules.Held} {
		require.NotEmpty(t, rental.Effects[e].JA)
	}
	require.NotEmpty(t, rental.Acts[rules.Allocate].JA+rental.Acts[rules.Release].JA)
}
