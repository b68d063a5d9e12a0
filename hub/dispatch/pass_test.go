package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPassIsBoundedForEachKindOfPerson(t *testing.T) {
	now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	good := func(h Holder) Pass {
		p := Pass{Holder: h, Name: "Sato", Reason: "the bolt sticks", Uses: 4, From: now, Until: now.Add(2 * time.Hour)}
		if h == Shop {
			p.Uses = 0
		}
		return p
	}
	for h, limit := range PassLimits() {
		require.NoError(t, good(h).Check(), h)
		for want, spoil := range map[string]func(*Pass){
			"name: who it is for":              func(p *Pass) { p.Name = " " },
			"reason: want one":                 func(p *Pass) { p.Reason = "" },
			"want more than 0s":                func(p *Pass) { p.Until = p.From },
			"at most " + limit.Window.String(): func(p *Pass) { p.Until = p.From.Add(limit.Window + time.Second) },
			"uses":                             func(p *Pass) { p.Uses = (limit.Uses + 1) * 9 },
		} {
			p := good(h)
			spoil(&p)
			require.ErrorContains(t, p.Check(), want, h)
		}
	}
	p := good(Engineer)
	p.Uses = 0
	require.ErrorContains(t, p.Check(), "want 1 to 10", "an engineer's is always counted")
	p.Holder = Customer
	require.ErrorContains(t, p.Check(), `holder "customer"`)
}
