package capacity

import "slices"

// way is how containers of one category get from a spot to a location: with the pools of the runs that call at both.
type way struct {
	spot     *spot
	location *location
	category string
	local    int     // index in the location's ways
	index    int     // in the book's ways
	pools    []*pool // in the order in which they are tried
	count    int     // containers that are numbered on it now
}

// pool is the shippers of one category aboard one run: wherever one of them may ride, all may.
type pool struct {
	index    int
	shippers []*shipper
	places   int // for containers, in all
	free     int
}

// shipper is a shipper aboard a run.
type shipper struct {
	Aboard
	pool  *pool
	inUse []*container // by place
}

// place finds a free place in the pool.
func (p *pool) place() (*shipper, int) {
	for _, s := range p.shippers {
		if i := slices.Index(s.inUse, nil); i >= 0 {
			return s, i
		}
	}
	return nil, -1
}

// spot is a collection spot with its addresses.
type spot struct {
	id        string
	addresses []*address // in the network's order
	free      int
}

type address struct {
	id    string
	spot  *spot
	inUse *container
}

// free finds a free address.
func (s *spot) address() *address {
	for _, a := range s.addresses {
		if a.inUse == nil {
			return a
		}
	}
	return nil
}

// flow finds out whether so many containers on each way can all ride. Where a way has one pool there is no choice; the others
// are shared out by augmenting paths, each as short as can be.
type flow struct {
	ways   []*way
	spare  []int         // places, by pool
	riding []map[int]int // by way: containers by pool; only of ways with a choice
}

// rides says whether the needs, by way, have places in shippers all at once.
func (b *Book) rides(need []int) bool {
	f := flow{ways: b.ways, spare: make([]int, len(b.pools))}
	for i, p := range b.pools {
		f.spare[i] = p.places
	}
	for i, w := range b.ways {
		switch {
		case need[i] == 0:
		case len(w.pools) == 0:
			return false
		case len(w.pools) == 1:
			if f.spare[w.pools[0].index] -= need[i]; f.spare[w.pools[0].index] < 0 {
				return false
			}
		}
	}
	for i, w := range b.ways {
		if len(w.pools) < 2 {
			continue
		}
		if f.riding == nil {
			f.riding = make([]map[int]int, len(b.ways))
		}
		for range need[i] {
			if !f.augment(i) {
				return false
			}
		}
	}
	return true
}

// augment gives one more container of a way a place, perhaps by letting others ride with other runs.
func (f *flow) augment(from int) bool {
	type step struct{ way, pool, before int } // the way takes a place in the pool; before: index of the step that frees it
	var steps []step
	met := make([]bool, len(f.spare))
	reach := func(way, before int) {
		for _, p := range f.ways[way].pools {
			if !met[p.index] {
				met[p.index] = true
				steps = append(steps, step{way, p.index, before})
			}
		}
	}
	reach(from, -1)
	for i := 0; i < len(steps); i++ {
		pool := steps[i].pool
		if f.spare[pool] > 0 {
			f.spare[pool]--
			for at := i; at >= 0; at = steps[at].before {
				f.ride(steps[at].way, steps[at].pool, +1)
				if before := steps[at].before; before >= 0 {
					f.ride(steps[at].way, steps[before].pool, -1)
				}
			}
			return true
		}
		for way, by := range f.riding {
			if by[pool] > 0 {
				reach(way, i)
			}
		}
	}
	return false
}

func (f *flow) ride(way, pool, n int) {
	if f.riding[way] == nil {
		f.riding[way] = map[int]int{}
	}
	f.riding[way][pool] += n
}

// shelved says which spot has too few addresses for the needs, by way; nil when all have enough.
func (b *Book) shelved(need []int) *spot {
	used := map[*spot]int{}
	for i, w := range b.ways {
		if used[w.spot] += need[i]; used[w.spot] > len(w.spot.addresses) {
			return w.spot
		}
	}
	return nil
}
