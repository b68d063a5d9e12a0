package garments

import (
	"slices"

	"meguri/edge/warehouse"
	"meguri/internal/rental"
	"meguri/protocol"
)

// sort takes what lies aside, looks up each piece on the hub's page, and does what may be done with it next.
func (c *crew) sort() error {
	s := c.scanners[0]
	for _, o := range c.scanners {
		if !o.offline {
			s = o
		}
	}
	for _, p := range c.where(aside) {
		if err := s.upload(c.hub); err != nil {
			return err
		}
		i, err := c.hub.item(p.id)
		if err != nil {
			return err
		}
		c.sorted(s, p, i.Item)
	}
	return s.upload(c.hub)
}

func (c *crew) sorted(s *scanner, p *piece, i rental.Item) {
	may := func(step protocol.Step) bool { return slices.Contains(rental.Next(i), step) }
	do := func(step protocol.Step, act func(*scanner, *piece) bool, to spot) {
		s.begin(step)
		if act(s, p) && p.at == aside {
			p.at, p.order = to, ""
		}
		s.seen()
	}
	switch {
	case i.Custody == protocol.Sold || i.Custody == protocol.Retired:
		p.at = retired
	case p.ruined && may(protocol.StepRetire) && i.Grade == protocol.GradeD:
		do(protocol.StepRetire, reasoned("other"), retired)
	case i.Custody == protocol.Missing, i.Custody == protocol.OnRent, i.Custody == protocol.InTransitOut, i.Custody == protocol.InTransitBack:
		do(protocol.StepQuarantine, reasoned("other"), aside)
	case may(protocol.StepCleaned):
		do(protocol.StepCleaned, scanned, toInspect)
	case may(protocol.StepRepaired):
		p.damage = false
		do(protocol.StepRepaired, scanned, toInspect)
	case i.Fit() && may(protocol.StepPutAway):
		do(protocol.StepPutAway, c.shelve, onShelf)
	case may(protocol.StepInspectIn):
		do(protocol.StepInspectIn, inspect(whole), onAgain(p))
	case may(protocol.StepInspectReturn):
		do(protocol.StepInspectReturn, inspect(whole), toClean)
	case !i.Dirty && may(protocol.StepInspectFinal):
		do(protocol.StepInspectFinal, inspect(whole), onAgain(p))
	case may(protocol.StepClean):
		p.at = toClean
	case may(protocol.StepUnpack):
		do(protocol.StepUnpack, func(s *scanner, p *piece) bool {
			if i.Bag != "" {
				s.do("]C100" + i.Bag)
			} else {
				s.do(menu(warehouse.MenuBagNoLabel))
			}
			defer s.close()
			return scanned(s, p)
		}, aside)
	default:
		do(protocol.StepQuarantine, reasoned("other"), aside)
	}
}

// onAgain is where a piece goes that needs no cleaning: on its shelf, or to be repaired first.
func onAgain(p *piece) spot {
	if whole(p) {
		return toShelve
	}
	return toRepair
}

// reasoned scans the card of a reason before the piece.
func reasoned(why string) func(*scanner, *piece) bool {
	return func(s *scanner, p *piece) bool {
		s.do(menu("damage-" + why))
		return scanned(s, p)
	}
}
