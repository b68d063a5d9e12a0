package dispatch

// Broken says why a container must not be loaded, or a unit not packed: its row is not what the physical world allows, see
// hub/check. A sheet says so at that row and is whole otherwise: a broken row must never keep a driver from all others.
type Broken struct {
	Kind string // of the checker's finding, for whoever has a text of it; empty when nothing is wrong
	Text string // in English
}

// Yes says whether something is wrong.
func (b Broken) Yes() bool { return b.Kind != "" }

// DoNotLoad is what is printed at a broken row, in the languages of those who load.
const DoNotLoad = "DO NOT LOAD 積載禁止"

// KeptBack is the kind of a container that is whole, and that a person has decided to leave behind.
const KeptBack = "kept_back"

// astrayKind is the kind of a container whose run does not collect it and then deliver it, as hub/check calls it.
const astrayKind = "run_misses"

// placeAll says which containers the run handles at which of its stops: a container that it does not first collect and then
// deliver is broken, whoever has looked at it, and one that it meets nowhere is astray.
func (s *Sheet) placeAll(containers []Container) []Container {
	all := make([]Container, len(containers))
	for i, c := range containers {
		collects, delivers := s.meets(c)
		if !delivers && !c.Broken.Yes() {
			c.Broken = Broken{astrayKind, "Run " + s.ID + " does not collect at " + c.SpotID + " and after that deliver to " + c.LocationID + "."}
		}
		if !collects && !s.visits(c.LocationID) {
			s.Astray = append(s.Astray, c)
		}
		all[i] = c
	}
	return all
}

// meets says whether the run collects a container, and whether it delivers it after that.
func (s *Sheet) meets(c Container) (collects, delivers bool) {
	for _, stop := range s.Run.Stops {
		switch {
		case stop.Kind == Collect && stop.PlaceID == c.SpotID:
			collects = true
		case stop.Kind == Deliver && stop.PlaceID == c.LocationID && collects:
			delivers = true
		}
	}
	return collects, delivers
}

func (s *Sheet) visits(location string) bool {
	for _, stop := range s.Run.Stops {
		if stop.Kind == Deliver && stop.PlaceID == location {
			return true
		}
	}
	return false
}

// Broken is how many containers of the sheet must not be loaded.
func (s Sheet) Broken() int {
	broken := map[string]bool{}
	note := func(all []Container) {
		for _, c := range all {
			if c.Broken.Yes() {
				broken[c.ID] = true
			}
		}
	}
	note(s.Astray)
	for _, stop := range s.Stops {
		note(stop.Containers)
	}
	return len(broken)
}
