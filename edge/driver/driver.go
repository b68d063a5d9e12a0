// Package driver holds the rules of a driver's device on a run: reaching stops, and loading each box from its address into
// its shipper. It works alone with the day's sheet.
package driver

import (
	"maps"
	"time"

	"meguri/edge/phrase"
	"meguri/internal/gs1"
	"meguri/protocol"
)

const step = "loading"

// State is what the device remembers across a restart.
type State struct {
	Run       string            `cbor:"1,keyasint,omitempty"`
	Stop      uint32            `cbor:"2,keyasint,omitempty"` // sequence of the stop reached last; sequences count from 1
	Address   string            `cbor:"3,keyasint,omitempty"` // scanned last, waits for a box
	Box       string            `cbor:"4,keyasint,omitempty"` // GRAI scanned last, waits for a shipper
	Loaded    map[string]string `cbor:"5,keyasint"`           // dated containers aboard → GRAI
	Container string            `cbor:"6,keyasint,omitempty"` // dated container that Box is
}

// Verdict is the answer to a scan: what to record, and one line for the person.
type Verdict struct {
	State   State
	Records []protocol.Body
	Line    phrase.Phrase
	Refused bool
}

// PlanChanged starts anew when the sheet is of another run, and forgets what the sheet no longer holds. Without any sheet
// what is known is kept: the sheet may come back.
func PlanChanged(s State, p protocol.DriverPlan) State {
	if p.Run == "" {
		return s
	}
	if s.Run != p.Run {
		return State{Run: p.Run}
	}
	loaded := map[string]string{}
	for _, c := range p.Containers {
		if grai, ok := s.Loaded[c.DatedContainer]; ok && (c.GRAI == "" || c.GRAI == grai) { // else the right one is still to come
			loaded[c.DatedContainer] = grai
		}
	}
	s.Loaded = loaded
	if _, ok := onAddress(p, s.Address); !ok {
		s.Address = ""
	}
	if c, ok := container(p, s.Container); !ok || c.GRAI != "" && c.GRAI != s.Box {
		s.Box, s.Container = "", ""
	}
	return s
}

// Scan decides about one scan: a place, or an address, then the box on it, then the shipper that it goes into.
func Scan(s State, p protocol.DriverPlan, scan string, _ time.Time) Verdict {
	e, err := gs1.One(scan)
	if err != nil {
		return refuse(s, scan, err.Error(), phrase.NotOurs)
	}
	switch e.AI {
	case gs1.Place:
		return reach(s, p, scan, e.Value)
	case gs1.Address:
		return address(s, p, scan, e.Value)
	case gs1.GRAI:
		return grai(s, p, scan, e.Value)
	}
	return refuse(s, scan, "no code for this step", phrase.LoadingHelp)
}

// reach goes forward only, to the nearest stop at the place. Stops may be left out.
func reach(s State, p protocol.DriverPlan, scan, place string) Verdict {
	var next *protocol.RunStop
	for i, stop := range p.Stops {
		switch {
		case stop.Place != place || stop.Sequence < s.Stop:
		case stop.Sequence == s.Stop:
			return accept(s, phrase.AtStop, place)
		case next == nil || stop.Sequence < next.Sequence:
			next = &p.Stops[i]
		}
	}
	if next == nil {
		return refuse(s, scan, "no stop of this run ahead", phrase.NoStopAhead)
	}
	s.Stop, s.Address, s.Box, s.Container = next.Sequence, "", "", ""
	line := phrase.AtStop
	switch next.Kind {
	case "collect":
		line = phrase.StopCollect
	case "deliver":
		line = phrase.StopDeliver
	case "return":
		line = phrase.StopReturn
	}
	return accept(s, line, place).with(protocol.StopReached{Run: p.Run, Sequence: next.Sequence})
}

func address(s State, p protocol.DriverPlan, scan, id string) Verdict {
	c, ok := onAddress(p, id)
	if !ok {
		return refuse(s, scan, "nothing of this run on the address", phrase.NothingYours)
	}
	if _, ok := s.Loaded[c.DatedContainer]; ok {
		return refuse(s, scan, "loaded already", phrase.HaveBox)
	}
	s.Address, s.Box, s.Container = id, "", ""
	return accept(s, phrase.ScanTheBox)
}

// grai tells a box from a shipper. While a box is in hand, what the sheet does not know as a box can only be meant as a
// shipper, be it a wrong one.
func grai(s State, p protocol.DriverPlan, scan, id string) Verdict {
	_, isBox := find(p, func(c protocol.RunContainer) bool { return c.GRAI == id })
	_, isShipper := find(p, func(c protocol.RunContainer) bool { return c.Shipper == id })
	switch {
	case s.Box == id && s.Container != "":
		c, _ := container(p, s.Container)
		return accept(s, phrase.PutIntoShipper, c.Shipper)
	case isBox:
		return box(s, p, scan, id)
	case s.Box != "":
		return load(s, p, scan, id)
	case isShipper:
		return refuse(s, scan, "a shipper without a box", phrase.BoxBeforeShipper)
	}
	return box(s, p, scan, id)
}

// box takes a box up. The sheet may not know yet which box a shop has filled: then the address that was scanned tells.
func box(s State, p protocol.DriverPlan, scan, grai string) Verdict {
	c, known := find(p, func(c protocol.RunContainer) bool { return c.GRAI == grai })
	at, ok := onAddress(p, s.Address)
	switch {
	case s.aboard(grai):
		return refuse(s, scan, "loaded already", phrase.HaveBox)
	case !known && !ok:
		return refuse(s, scan, "box is not on this sheet", phrase.BoxNotYours)
	case !known && at.GRAI != "":
		return refuse(s, scan, "box "+at.GRAI+" belongs on the address", phrase.OtherBoxHere)
	case known && ok && c.DatedContainer != at.DatedContainer:
		return refuse(s, scan, "box belongs on "+c.Address, phrase.BoxBelongsOn, c.Address)
	case !known:
		c = at
	}
	if other, ok := s.Loaded[c.DatedContainer]; ok {
		return refuse(s, scan, "loaded already, as box "+other, phrase.HaveBox)
	}
	s.Box, s.Container, s.Address = grai, c.DatedContainer, ""
	return accept(s, phrase.PutIntoShipper, c.Shipper)
}

// aboard says whether a box is loaded, as whatever container.
func (s State) aboard(grai string) bool {
	for _, g := range s.Loaded {
		if g == grai {
			return true
		}
	}
	return false
}

func load(s State, p protocol.DriverPlan, scan, shipper string) Verdict {
	c, ok := container(p, s.Container)
	switch {
	case !ok:
		s.Box, s.Container = "", ""
		return refuse(s, scan, "box is no longer on the sheet", phrase.BoxOffSheet)
	case c.Shipper != shipper:
		return refuse(s, scan, "box goes into "+c.Shipper, phrase.WrongShipper, c.Shipper)
	}
	record := protocol.ContainerLoaded{Run: p.Run, GRAI: s.Box, Shipper: shipper}
	s.Loaded = maps.Clone(s.Loaded)
	if s.Loaded == nil {
		s.Loaded = map[string]string{}
	}
	s.Loaded[c.DatedContainer] = s.Box
	s.Address, s.Box, s.Container = "", "", ""
	return accept(s, phrase.Loaded).with(record)
}

func container(p protocol.DriverPlan, id string) (protocol.RunContainer, bool) {
	return find(p, func(c protocol.RunContainer) bool { return id != "" && c.DatedContainer == id })
}

func onAddress(p protocol.DriverPlan, id string) (protocol.RunContainer, bool) {
	return find(p, func(c protocol.RunContainer) bool { return id != "" && c.Address == id })
}

func find(p protocol.DriverPlan, match func(protocol.RunContainer) bool) (protocol.RunContainer, bool) {
	for _, c := range p.Containers {
		if match(c) {
			return c, true
		}
	}
	return protocol.RunContainer{}, false
}

func accept(s State, k phrase.Key, args ...string) Verdict {
	return Verdict{State: s, Line: phrase.New(k, args...)}
}

func refuse(s State, scan, reason string, k phrase.Key, args ...string) Verdict {
	return Verdict{State: s, Line: phrase.New(k, args...), Refused: true,
		Records: []protocol.Body{protocol.NewScanRefused(step, scan, reason)}}
}

func (v Verdict) with(b protocol.Body) Verdict {
	v.Records = append(v.Records, b)
	return v
}
