package plan

import (
	"meguri/protocol"
)

// airRules is the revision since which an agent watches the air of a place by several rules.
const airRules = 5

// airRules are the rules by which a device watches the air of a position where the network has some of its own: all that look at it all
// the time. Those that count with goods are the hub's, for they need scans that a device may not have. Without own rules there are none,
// and the plan is what it was before there were any.
func (b *builder) airRules(position string) ([]protocol.AirRule, error) {
	if b.revision < airRules {
		return nil, nil
	}
	standing, own, err := b.tx.RulesAt(b.ctx, position)
	if err != nil || len(own) == 0 {
		return nil, err
	}
	var all []protocol.AirRule
	for _, r := range standing {
		all = append(all, protocol.AirRule{Name: r.Name, Low: r.Low, LimitMilliC: r.LimitMilliC, AfterMS: max(r.For, r.OnDelay).Milliseconds(),
			DeadbandMilliC: r.Deadband, ClearAfterMS: r.OffDelay.Milliseconds()})
	}
	return all, nil
}
