package station

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Stated is the newest statement of a shipper that was taken here.
type Stated struct {
	Said protocol.Statement `cbor:"1,keyasint"`
	Key  []byte             `cbor:"2,keyasint"` // names the key that it was signed with: another board counts its boots anew
}

const stepStatement = "shipper's statement"

// StatedWithin is how old a statement may be when it is scanned, and how far ahead the shipper's clock. It is shown anew each minute; a
// driver who carries it from the vehicle needs some minutes, and a box may become warm in less than a quarter of an hour.
const StatedWithin = 10 * time.Minute

// statement decides about a shipper's statement: what rode in it and stands here is judged by it, and so is what will be put in.
func (t *turn) statement(text string) {
	s, err := protocol.OpenStatement(text, t.shipperKeys())
	if refusal, line := t.refuses(s, err); refusal != "" {
		t.refuseStatement(text, refusal, line)
		return
	}
	t.State.Stated = cloned(t.State.Stated)
	t.State.Stated[s.Shipper] = Stated{Said: s, Key: t.shipperKeys()[s.Shipper]}
	worst := protocol.RideSound
	for _, c := range t.containers() {
		if c.Ride.Shipper != s.Shipper {
			continue
		}
		outcome := judgeRide(s, c.Ride, t.now.UnixMilli()).outcome
		if t.isIn(c.DatedContainer) {
			outcome = t.rode(c, false)
		}
		if outcome == protocol.RideTooWarm || outcome == protocol.RideUncertain && worst == protocol.RideSound {
			worst = outcome
		}
	}
	line := map[protocol.RideOutcome]phrase.Key{protocol.RideSound: phrase.StatementTaken, protocol.RideTooWarm: phrase.StatementHolds,
		protocol.RideUncertain: phrase.StatementDoubt}[worst]
	t.show("", line, s.Shipper)
}

func (t *turn) refuseStatement(text, reason string, line phrase.Phrase) {
	t.record(protocol.NewScanRefused(stepStatement, text, reason))
	t.refuse("", line.Key, line.Args...)
}

// refuses says what stands against a statement that was read with an error or none: for the record, and for the driver.
func (t *turn) refuses(s protocol.Statement, err error) (string, phrase.Phrase) {
	known, before := t.State.Stated[s.Shipper]
	late := t.now.Sub(time.UnixMilli(s.Until))
	minutes := strconv.FormatInt(int64(late.Abs()/time.Minute), 10)
	switch {
	case err != nil && s.Shipper != "" && !t.awaits(s.Shipper), err == nil && !t.awaits(s.Shipper):
		return "nothing that rode in " + s.Shipper + " is planned here", phrase.New(phrase.StatementElsewhere, s.Shipper)
	case errors.Is(err, protocol.ErrUnknownKey):
		return err.Error(), phrase.New(phrase.StatementNoKey, s.Shipper)
	case err != nil:
		return err.Error(), phrase.New(phrase.StatementBroken)
	case t.State.Unproven:
		return "the clock of the station is lost", phrase.New(phrase.StationNoClock)
	case s.Unproven:
		return "the clock of the shipper is lost", phrase.New(phrase.StatementNoClock, s.Shipper)
	case late > StatedWithin:
		return fmt.Sprintf("it ends %s before", late.Round(time.Minute)), phrase.New(phrase.StatementOld, minutes)
	case late < -StatedWithin:
		return fmt.Sprintf("it ends %s ahead", -late.Round(time.Minute)), phrase.New(phrase.StatementAhead, minutes)
	case before && (s.Until < known.Said.Until || s.Boot < known.Said.Boot && string(known.Key) == string(t.shipperKeys()[s.Shipper])):
		return "a newer one was taken already", phrase.New(phrase.StatementReplayed, s.Shipper)
	case !t.reachesBack(s):
		return "it begins after everything was loaded", phrase.New(phrase.StatementTooShort, s.Shipper)
	}
	return "", phrase.Phrase{}
}

// shipperKeys are the keys of shippers that the plan knows.
func (t *turn) shipperKeys() map[string][]byte {
	keys := map[string][]byte{}
	for _, lock := range t.plan {
		for _, k := range lock.Shippers {
			keys[k.Shipper] = k.Public
		}
	}
	return keys
}

// awaits says whether anything planned here rides in a shipper.
func (t *turn) awaits(shipper string) bool {
	return slices.ContainsFunc(t.containers(), func(c protocol.SlotAssignment) bool { return c.Ride.Shipper == shipper })
}

// reachesBack says whether a statement speaks of the loading of anything at all, but for so long as its category may do without.
func (t *turn) reachesBack(s protocol.Statement) bool {
	return slices.ContainsFunc(t.containers(), func(c protocol.SlotAssignment) bool {
		return c.Ride.Shipper == s.Shipper && (c.Ride.From == 0 || s.From-c.Ride.From <= c.Ride.Limit.GapMS)
	})
}

// longestRide is how long goods are taken to have been on their way when nobody knows since when, as the hub does.
const longestRide = 12 * time.Hour

// loaded is when goods were loaded that were put in here at a time. When nobody knows, or they came before they were to be loaded by the
// plan, it is the earliest that it can have been.
func loaded(r protocol.Ride, placed int64) int64 {
	if r.From == 0 || r.From >= placed {
		return placed - longestRide.Milliseconds()
	}
	return r.From
}

// stated is what the shipper of a ride has said of it. What it said of a ride before counts no more, nor what a board has said whose key
// the plan no longer has.
func (t *turn) stated(r protocol.Ride, placed int64) (Stated, bool) {
	s, ok := t.State.Stated[r.Shipper]
	return s, ok && s.Said.Until > loaded(r, placed) && bytes.Equal(s.Key, t.shipperKeys()[r.Shipper])
}

// rode notes what is known of the way of goods that stand here, and holds them when that calls for it. What was too warm stays so; a doubt
// ends with a newer statement that knows better, but for one that no shipper can end. That no statement came is noted where one could have.
// putting says that they are put in just now.
func (t *turn) rode(c protocol.SlotAssignment, putting bool) protocol.RideOutcome {
	placed := t.State.In[c.DatedContainer].At
	g, _ := t.goods(c.DatedContainer)
	if c.Ride.Shipper == "" || placed == 0 {
		return g.Ride
	}
	v := ride{outcome: protocol.RideUnknown}
	if stated, ok := t.stated(c.Ride, placed); ok {
		v = judgeRide(stated.Said, c.Ride, placed)
	} else if t.shipperKeys()[c.Ride.Shipper] == nil && !c.Ride.UnstatedHolds {
		return g.Ride
	}
	if !g.learns(v.outcome) {
		return g.Ride
	}
	g = g.settled(c, t.now.UnixMilli())
	g.Ride, g.Carried = v.outcome, g.Carried || putting && v.carried
	said := protocol.RideJudged{Position: t.positionOf(c), DatedContainer: c.DatedContainer, Shipper: c.Ride.Shipper, Outcome: v.outcome,
		From: v.from, Until: v.until, OutsideMS: v.outsideMS, GapMS: v.gapMS, MilliC: v.milliC}
	g, said.Freed = g.freed()
	t.record(said)
	for _, cause := range v.causes(c.Ride, g.Carried) {
		if cause == protocol.RideBroken || !g.RideDecided {
			g = t.hold(c, g, protocol.GoodsHeld{Cause: cause, Since: v.since, OutsideMS: v.outsideMS, MilliC: v.milliC, Shipper: c.Ride.Shipper})
		}
	}
	t.keepGoods(c.DatedContainer, g)
	return v.outcome
}

// learns says whether an outcome is more than is known of a ride.
func (g Goods) learns(outcome protocol.RideOutcome) bool {
	switch {
	case outcome == g.Ride, g.Ride == protocol.RideTooWarm, g.Ride != 0 && outcome == protocol.RideUnknown:
		return false
	}
	return !g.Carried || outcome == protocol.RideTooWarm
}

// freed ends the decision for a doubt that ends with more knowledge, and gives its name; 0 for none.
func (g Goods) freed() (Goods, int64) {
	var name int64
	g.Held = slices.DeleteFunc(slices.Clone(g.Held), func(h Held) bool {
		ends := h.Cause == protocol.RideUnstated || h.Cause == protocol.RideDoubtful
		if ends {
			name = h.At
		}
		return ends
	})
	return g, name
}

func (t *turn) positionOf(c protocol.SlotAssignment) string {
	for _, position := range slices.Sorted(maps.Keys(t.plan)) {
		for _, other := range t.plan[position].Containers {
			if other.DatedContainer == c.DatedContainer {
				return position
			}
		}
	}
	return ""
}

// ride is what a statement says of goods on their way.
type ride struct {
	outcome          protocol.RideOutcome
	carried          bool  // from the end of the statement until they were put in was longer than they may be without a reading
	from, until      int64 // that was judged, Unix milliseconds
	outsideMS, gapMS int64
	milliC           int64 // the worst reading outside; 0 for none
	since            int64 // when it became so, Unix milliseconds
}

// judgeRide says how goods rode from their loading until they were put in here. What the statement does not speak of is a gap: the time
// before it begins, and the time that they were carried after it ends.
func judgeRide(s protocol.Statement, r protocol.Ride, placed int64) ride {
	v := ride{outcome: protocol.RideSound, from: loaded(r, placed), until: placed, since: placed}
	v.gaps(s, r.Limit)
	v.carried = placed-s.Until > r.Limit.GapMS
	if same, wider := ranges(s, r.Limit); same || wider { // outside of a wider range is outside, and for that long at least
		for _, o := range s.Outside {
			v.outside(s, o, r.Limit)
		}
		if same {
			return v
		}
	}
	if inside := s.Readings > 0 && s.MinMilliC >= r.Limit.MinMilliC && s.MaxMilliC <= r.Limit.MaxMilliC; !inside && v.outcome == protocol.RideSound {
		v.outcome = protocol.RideUncertain // of another plan: it says only whether all was inside
	}
	return v
}

// ranges compares the range that a statement speaks of with what goods may bear.
func ranges(s protocol.Statement, l protocol.GoodsLimit) (same, wider bool) {
	return s.Low == l.MinMilliC && s.High == l.MaxMilliC, s.Low <= l.MinMilliC && s.High >= l.MaxMilliC
}

// span is a stretch in time, as gap takes it.
func span(s protocol.Statement, one protocol.Stretch, l protocol.GoodsLimit) (from, until int64, _ protocol.GoodsLimit) {
	from = s.Until - int64(one.Ago)*1000
	return from, from + int64(one.Seconds)*1000, l
}

// touching is how far apart gaps may be that are one: a statement counts in whole seconds back from its end.
const touching = time.Second

// gaps judges the times without a reading. Those that touch are one, whoever says so: a probe that fell silent before the statement's end
// was silent while the goods were carried, too.
func (v *ride) gaps(s protocol.Statement, l protocol.GoodsLimit) {
	from, until := v.from, s.From
	next := func(f, u int64) {
		if f-until <= touching.Milliseconds() {
			until = max(until, u)
			return
		}
		v.gap(from, until, l)
		from, until = f, u
	}
	for _, g := range s.Gaps {
		f, u, _ := span(s, g, l)
		next(f, u)
	}
	next(s.Until, v.until)
	v.gap(from, until, l)
}

func (v *ride) gap(from, until int64, l protocol.GoodsLimit) {
	from, until = max(from, v.from), min(until, v.until)
	if v.gapMS = max(v.gapMS, until-from); until-from > l.GapMS && v.outcome == protocol.RideSound {
		v.outcome, v.since = protocol.RideUncertain, from+l.GapMS
	}
}

func (v *ride) outside(s protocol.Statement, one protocol.Stretch, l protocol.GoodsLimit) {
	from, until, _ := span(s, one, l)
	from, until = max(from, v.from), min(until, v.until)
	if from >= until {
		return
	}
	if off := max(one.MilliC-l.MaxMilliC, l.MinMilliC-one.MilliC); v.outsideMS == 0 || off > max(v.milliC-l.MaxMilliC, l.MinMilliC-v.milliC) {
		v.milliC = one.MilliC
	}
	before := v.outsideMS
	if v.outsideMS += until - from; v.outsideMS > l.OutsideMS && v.outcome != protocol.RideTooWarm {
		v.outcome, v.since = protocol.RideTooWarm, from+l.OutsideMS-before
	}
}

// causes are those for which goods are held that rode so, and were carried for too long after it or not.
func (v ride) causes(r protocol.Ride, carried bool) (all []protocol.GoodsCause) {
	switch {
	case v.outcome == protocol.RideTooWarm:
		all = append(all, protocol.RideBroken)
	case v.outcome == protocol.RideUncertain && r.Limit.DoubtHolds && !carried:
		all = append(all, protocol.RideDoubtful)
	case v.outcome == protocol.RideUnknown && r.UnstatedHolds:
		all = append(all, protocol.RideUnstated)
	}
	if carried && r.Limit.DoubtHolds {
		all = append(all, protocol.RideCarried)
	}
	return all
}
