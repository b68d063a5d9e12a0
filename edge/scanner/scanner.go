// Package scanner holds the rules of a shop's scanner: binding a box to a dated container of the packing list, putting it
// on its collection address, and saying what is short. It works alone with the day's packing list.
package scanner

import (
	"fmt"
	"maps"
	"time"

	"meguri/edge/phrase"
	"meguri/internal/gs1"
	"meguri/protocol"
)

// Short is the menu code that makes the next product scanned a shortage of one unit.
const Short = "short"

const step = "packing"

// State is what the scanner remembers across a restart.
type State struct {
	Selected string            `cbor:"1,keyasint,omitempty"` // dated container that was scanned
	Box      string            `cbor:"2,keyasint,omitempty"` // GRAI of a filled box that waits for its address
	Short    bool              `cbor:"3,keyasint,omitempty"` // the next product is short
	Bound    map[string]string `cbor:"4,keyasint"`           // dated container → GRAI
	Shelved  map[string]bool   `cbor:"5,keyasint"`           // dated containers on their address
	Missing  map[string]Units  `cbor:"6,keyasint,omitempty"` // dated container → what was noted as short
}

// Units counts units by GTIN.
type Units map[string]uint32

// Verdict is the answer to a scan: what to record, and one line for the person.
type Verdict struct {
	State   State
	Records []protocol.Body
	Line    phrase.Phrase
	Refused bool
}

// PlanChanged takes over what the hub knows, and forgets what the list no longer holds. Where the hub has another box for a
// container than this scanner, the hub has decided. Without any list what is known is kept: the list may come back.
func PlanChanged(s State, p protocol.ScannerPlan) State {
	if len(p.Containers) == 0 {
		return s
	}
	next := State{Bound: map[string]string{}, Shelved: map[string]bool{}, Missing: map[string]Units{}}
	taken := map[string]bool{}
	for _, c := range p.Containers {
		if c.GRAI != "" {
			next.Bound[c.DatedContainer], taken[c.GRAI] = c.GRAI, true
		}
	}
	for _, c := range p.Containers {
		id := c.DatedContainer
		if grai := s.Bound[id]; c.GRAI == "" && grai != "" && !taken[grai] {
			next.Bound[id] = grai
		}
		if s.Shelved[id] && next.Bound[id] == s.Bound[id] {
			next.Shelved[id] = true
		}
		if m := s.Missing[id]; len(m) > 0 {
			next.Missing[id] = m
		}
		if id == s.Selected {
			next.Selected, next.Short = id, s.Short
		}
	}
	if _, ok := owner(next, p, s.Box); ok {
		next.Box = s.Box
	}
	return next
}

// Scan decides about one scan.
func Scan(s State, p protocol.ScannerPlan, scan string, _ time.Time) Verdict {
	e, err := gs1.One(scan)
	if err != nil {
		return refuse(s, scan, err.Error(), phrase.NotOurs)
	}
	switch e.AI {
	case gs1.DatedContainer:
		return selectContainer(s, p, scan, e.Value)
	case gs1.GRAI:
		return box(s, p, scan, e.Value)
	case gs1.Address:
		return shelve(s, p, scan, e.Value)
	case gs1.Menu:
		return menu(s, scan, e.Value)
	case gs1.GTIN:
		return product(s, p, scan, e.Value)
	}
	return refuse(s, scan, "no code for this step", phrase.PackingHelp)
}

func selectContainer(s State, p protocol.ScannerPlan, scan, id string) Verdict {
	if len(p.Containers) == 0 {
		return refuse(s, scan, "no packing list", phrase.NoList)
	}
	if _, ok := find(p, id); !ok {
		return refuse(s, scan, "not on this packing list", phrase.NotOnList, p.Date)
	}
	s.Selected, s.Box, s.Short = id, "", false
	return accept(s, phrase.ScanTheBox)
}

// box binds the box to the container that was selected, or picks up a bound one to be put on its address.
func box(s State, p protocol.ScannerPlan, scan, grai string) Verdict {
	line, selected := find(p, s.Selected)
	bound, ok := owner(s, p, grai)
	switch {
	case !selected && !ok:
		return refuse(s, scan, "box is bound to nothing", phrase.LineBeforeBox)
	case !selected, ok && bound.DatedContainer == s.Selected:
		s.Selected, s.Box, s.Short = "", grai, false
		return accept(s, phrase.PutOnAddress, bound.Address)
	case ok:
		return refuse(s, scan, "box is bound to "+bound.DatedContainer, phrase.BoxInUse, bound.DatedContainer)
	case s.Bound[s.Selected] != "":
		return refuse(s, scan, fmt.Sprintf("%s has box %s", s.Selected, s.Bound[s.Selected]), phrase.LineHasBox)
	}
	s.Bound = withKey(s.Bound, line.DatedContainer, grai)
	s.Selected, s.Box, s.Short = "", grai, false
	return accept(s, phrase.Filled, line.Address).
		with(protocol.ContainerFilled{DatedContainer: line.DatedContainer, GRAI: grai})
}

func shelve(s State, p protocol.ScannerPlan, scan, address string) Verdict {
	if s.Box == "" {
		return refuse(s, scan, "an address without a box", phrase.BoxBeforeAddress)
	}
	c, ok := owner(s, p, s.Box)
	if !ok {
		s.Box = ""
		return refuse(s, scan, "box is no longer on the list", phrase.BoxOffList)
	}
	if c.Address != address {
		return refuse(s, scan, "box belongs on "+c.Address, phrase.WrongAddress, c.Address)
	}
	grai := s.Box
	s.Box = ""
	if s.Shelved[c.DatedContainer] { // scanned twice: nothing new to tell the hub
		return accept(s, phrase.Shelved)
	}
	s.Shelved = withKey(s.Shelved, c.DatedContainer, true)
	return accept(s, phrase.Shelved).with(protocol.ContainerShelved{GRAI: grai, Address: address})
}

func menu(s State, scan, choice string) Verdict {
	if choice != Short {
		return refuse(s, scan, "unknown menu code", phrase.NoMenuCard)
	}
	if s.Selected == "" {
		return refuse(s, scan, "short of what?", phrase.LineFirst)
	}
	s.Short = true
	return accept(s, phrase.ScanShortProduct)
}

// product notes a unit as short, at most as many as the line has.
func product(s State, p protocol.ScannerPlan, scan, gtin string) Verdict {
	if !s.Short {
		return refuse(s, scan, "a product without a step", phrase.ProductOnlyWhenShort)
	}
	c, _ := find(p, s.Selected)
	for _, line := range c.Products {
		if gs1.GTIN14(line.GTIN) != gtin {
			continue
		}
		s.Short = false
		noted := s.Missing[c.DatedContainer]
		if noted[line.GTIN] >= line.Units {
			return refuse(s, scan, "all units are short already", phrase.AllShort)
		}
		s.Missing = withKey(s.Missing, c.DatedContainer, withKey(noted, line.GTIN, noted[line.GTIN]+1))
		return accept(s, phrase.NotedShort).
			with(protocol.ItemShort{DatedContainer: c.DatedContainer, GTIN: line.GTIN, Units: 1})
	}
	return refuse(s, scan, "product is not in "+s.Selected, phrase.ProductNotOnLine)
}

func find(p protocol.ScannerPlan, id string) (protocol.PackingListPart, bool) {
	for _, c := range p.Containers {
		if c.DatedContainer == id {
			return c, true
		}
	}
	return protocol.PackingListPart{}, false
}

// owner is the container of the list that a box is bound to.
func owner(s State, p protocol.ScannerPlan, grai string) (protocol.PackingListPart, bool) {
	for _, c := range p.Containers {
		if grai != "" && s.Bound[c.DatedContainer] == grai {
			return c, true
		}
	}
	return protocol.PackingListPart{}, false
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

// withKey is m with one more key; m itself stays as it is.
func withKey[M ~map[K]V, K comparable, V any](m M, k K, v V) M {
	m = maps.Clone(m)
	if m == nil {
		m = M{}
	}
	m[k] = v
	return m
}
