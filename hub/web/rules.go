package web

import (
	"time"

	"meguri/hub/coldchain"
)

// rulesText says when the air of a place is an alarm: the rules that look at it all the time, then those that count with goods.
func rulesText(l lang, standing []coldchain.Rule, own []coldchain.Own) (all []string) {
	for _, r := range standing {
		all = append(all, ruleText(l, coldchain.Own{Rule: r}))
	}
	for _, o := range own {
		if o.WithGoods() {
			all = append(all, ruleText(l, o))
		}
	}
	return all
}

// ruleText is a rule in words; without a category it needs no goods.
func ruleText(l lang, o coldchain.Own) string {
	side := "rules.above"
	if o.Rule.Low {
		side = "rules.below"
	}
	limit, lasts := l.text(side, celsius(o.Rule.LimitMilliC)+" °C"), int(max(o.Rule.For, o.Rule.OnDelay)/time.Minute)
	text := ""
	switch kind := o.Kind(); {
	case o.WithGoods() && (kind == coldchain.Consecutive || kind == coldchain.Instant):
		text = l.text("rules.goods", limit, lasts, o.Category)
	case o.WithGoods():
		text = l.text("rules."+string(kind), limit, int(o.Rule.For/time.Minute), o.Category)
	case kind == coldchain.Consecutive:
		text = l.text("rules.consecutive", limit, lasts)
	case lasts > 0:
		text = l.text("rules.delayed", limit, lasts)
	default:
		text = l.text("rules.instant", limit)
	}
	if o.Rule.StartIgnore > 0 || o.Rule.EndIgnore > 0 {
		text += l.text("rules.ends", int(o.Rule.StartIgnore/time.Minute), int(o.Rule.EndIgnore/time.Minute))
	}
	return text
}
