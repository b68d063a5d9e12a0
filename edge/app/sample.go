package app

import (
	"errors"
	"maps"
	"slices"
	"strings"

	edgelog "meguri/edge/log"
	"meguri/edge/monitor"
	"meguri/edge/station"
	"meguri/protocol"
)

// sampling is what the hub may expect of the readings from now on.
func (a *agent) sampling(everyMS int64) protocol.Body {
	s := protocol.SamplingSet{EveryMS: everyMS, FlushMS: a.cfg.Kit.Flush.Milliseconds(), Sensors: []string{}}
	a.cfg.Kit.eachProbe(func(position string, p Probe) { s.Sensors = append(s.Sensors, sensorName(position, p.Name)) })
	return s
}

// setSampling changes how often probes are read, from the round on that would come next.
func (a *agent) setSampling(everyMS int64) {
	if a.sampleEvery.Swap(everyMS) == everyMS {
		return
	}
	select {
	case a.resample <- struct{}{}:
	default: // it is told already
	}
}

// sampled takes one round of all probes, taken at mono. A round outside the limits, from the first one on until one is inside
// again, is recorded at once and marked, so that thinning keeps it: whether an alarm will come of it is not known then. So is a
// round that changes what the monitors remember, for a power cut must not change when an alarm comes. All others wait in memory
// for as long as the kit allows.
//
// When an alarm that follows from a round finds no room, or that goods are held, the readings are recorded all the same, or wait in
// memory, and the next round decides again.
func (a *agent) sampled(mono int64, samples []protocol.Sample) {
	a.felt(samples)
	a.rode(samples)
	next := round{mono: mono, samples: samples}
	v := a.verdict(samples)
	if v.alarm != a.rounds.alarm || !a.rounds.fits(next) {
		a.flush()
	}
	a.rounds.add(next, v.alarm)
	if !v.changed {
		a.station.Goods = v.station.Goods // stored with what comes next
	} else {
		if a.commitRounds(v.records, map[string]any{keyMonitors: v.monitors, keyStation: v.station}) == nil {
			a.monitors, a.station = v.monitors, v.station
			return
		}
		a.station.Goods = station.GoodsUnrecorded(a.station.Goods, v.station.Goods)
	}
	if v.alarm || v.changed || a.cfg.Kit.Flush <= 0 {
		a.flush()
	}
}

// verdict is what the monitors make of a round.
type verdict struct {
	monitors map[string]monitor.State
	station  station.State // that the goods have stood so
	records  []protocol.Body
	changed  bool
	alarm    bool // a sensor is outside its limits, or was until this round and in alarm
}

func (a *agent) verdict(samples []protocol.Sample) verdict {
	v := verdict{monitors: make(map[string]monitor.State, len(samples))}
	record, air := a.nextRecord(), map[string][]protocol.Sample{}
	for _, s := range samples {
		air[positionOf(s.Sensor)] = append(air[positionOf(s.Sensor)], s)
		limits, ok := a.plan.temperatures[positionOf(s.Sensor)]
		if !ok {
			a.keepMonitors(&v, s.Sensor)
			continue
		}
		for _, w := range monitor.Watches(limits) {
			key := w.Key(s.Sensor)
			before := a.monitors[key]
			after, raised := w.Read(before, s, record, a.now())
			v.monitors[key] = after
			v.records = append(v.records, raised...)
			v.changed = v.changed || after != before
			v.alarm = v.alarm || before.Alarmed || after.OutsideSince != 0
		}
	}
	a.goods(&v, air)
	return v
}

// keepMonitors leaves what is remembered of a sensor as it is while no plan says what its air may be.
func (a *agent) keepMonitors(v *verdict, sensor string) {
	for key, s := range a.monitors {
		if key == sensor || strings.HasPrefix(key, sensor+"#") {
			v.monitors[key] = s
		}
	}
}

// goods judges what stands in the fridges by a round. That more is held, or was released, is to be stored at once; how long goods have
// been outside is when they are, for each such round is.
func (a *agent) goods(v *verdict, air map[string][]protocol.Sample) {
	joined := make(map[string]station.Air, len(air))
	for position, samples := range air {
		joined[position] = station.AirOf(samples)
	}
	now := a.atDoor()
	d := station.Sampled(a.station, a.plan.locks, joined, now)
	v.station, v.records = d.State, append(v.records, d.Records...)
	v.changed = v.changed || len(d.Records) > 0
	for container, g := range d.State.Goods {
		before := a.station.Goods[container]
		v.changed = v.changed || !slices.Equal(g.Held, before.Held) || g.OutsideMS != before.OutsideMS
	}
}

// nextRecord is the number of the record in which a round outside will be: those that wait go before it.
func (a *agent) nextRecord() uint64 {
	positions, err := a.log.Positions()
	if err != nil {
		return 0
	}
	for _, p := range positions {
		if p.Log != protocol.Readings {
			continue
		}
		if len(a.rounds.held) > 0 && !a.rounds.alarm {
			return p.Next + 1
		}
		return p.Next
	}
	return 0
}

// flush makes the rounds durable that are held. When that fails they are held on, but for want of room in memory.
func (a *agent) flush() {
	if len(a.rounds.held) == 0 {
		return
	}
	if a.commitRounds(nil, nil) != nil && len(a.rounds.held) > 0 && !a.rounds.fits(a.rounds.held[0]) {
		a.logger.Error("readings could not be kept while the storage was full", "rounds", len(a.rounds.held))
		a.rounds = rounds{}
	}
}

// commitRounds makes the rounds that are held durable, with what follows from the last of them, at its time.
func (a *agent) commitRounds(records []protocol.Body, state map[string]any) error {
	body, err := a.rounds.body()
	if err != nil { // of a driver that gives more sensors than a record takes, or temperatures of a star
		a.logger.Error("readings cannot be recorded", "error", err)
		a.rounds = rounds{}
		return err
	}
	if len(records) > 0 || len(state) > 0 {
		if err := a.settle(); err != nil {
			return err
		}
	}
	stamp, all := a.stampAt(a.rounds.last().mono), append([]protocol.Body{body}, records...)
	err = a.write(stamp, all, a.besides(state))
	if errors.Is(err, edgelog.ErrFull) && len(records)+len(state) == 0 { // readings have room of their own, what is stored besides has not
		err = a.write(stamp, all, nil)
	}
	if err != nil {
		return err
	}
	a.rounds = rounds{}
	return nil
}

// besides is state with what is stored with every round: how long goods have stood here, and what a box has felt.
func (a *agent) besides(state map[string]any) map[string]any {
	if state = maps.Clone(state); state == nil {
		state = map[string]any{}
	}
	if _, has := state[keyStation]; !has && a.station.Goods != nil && len(a.owed) == 0 {
		state[keyStation] = a.station
	}
	if a.states() {
		state[keyShipper] = a.shipper
	}
	return state
}
