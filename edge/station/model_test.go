package station

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

// model knows of a station only what its inputs were and what it recorded, and what must hold of any answer.
type model struct {
	*rig
	pins     []string
	standsIn map[string]string // slot → GRAI
	uses     map[string]uint32 // of grants, over all plans
	accepted map[string]bool   // orders whose code was taken since their door shut last
	open     map[string]bool   // by position
	unbolted map[string]bool   // by position: said, and not ended
	pending  []Fire            // relays whose answer is not in yet
	plans    []Plan
}

var positions = []string{"f1", "f2"}

// drawPlan draws grants with few codes, short windows and small limits, so that everything meets everything.
func drawPlan(t *rapid.T, pins []string, n int) Plan {
	p := Plan{}
	for _, position := range positions {
		lock := protocol.LockPlan{Position: position}
		for i := range 3 {
			c := protocol.SlotAssignment{DatedContainer: fmt.Sprintf("%s-c%d", position, i), Slot: fmt.Sprintf("%s-%d", position, i),
				GRAI: rapid.SampledFrom([]string{"", "", boxA, boxB, boxC}).Draw(t, "grai")}
			lock.Containers = append(lock.Containers, c)
		}
		for i := range 4 {
			id := fmt.Sprintf("%s-g%d", position, i)
			from := rapid.Int64Range(-20, 20).Draw(t, "from")
			g := protocol.Grant{ID: id, PIN: protocol.HashPIN(id, rapid.SampledFrom(pins).Draw(t, "pin")),
				Holder: protocol.Holder(rapid.Uint8Range(0, 6).Draw(t, "holder")), Order: fmt.Sprintf("order-%s-%d", id, n),
				From: at(time.Duration(from) * time.Minute), Until: at(time.Duration(from+30) * time.Minute),
				Uses: rapid.Uint32Range(0, 3).Draw(t, "uses")}
			for _, c := range lock.Containers {
				if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
					g.Containers = append(g.Containers, c.DatedContainer)
				}
			}
			lock.Grants = append(lock.Grants, g)
		}
		p[position] = lock
	}
	return p
}

func (m *model) grant(position, id string) protocol.Grant {
	i := slices.IndexFunc(m.p[position].Grants, func(g protocol.Grant) bool { return g.ID == id })
	require.GreaterOrEqual(m.t, i, 0, "grant %s is in the plan of %s", id, position)
	return m.p[position].Grants[i]
}

// isIn goes by the records of hand-in and the plan alone.
func (m *model) isIn(position, container string) bool {
	for _, c := range m.p[position].Containers {
		if c.DatedContainer == container {
			grai := m.standsIn[c.Slot]
			return grai != "" && (c.GRAI == "" || c.GRAI == grai)
		}
	}
	return false
}

// mayOpen is P4: valid now, not used up, and a customer's goods are all in.
func (m *model) mayOpen(position, code, id string) {
	g := m.grant(position, id)
	require.True(m.t, g.HasPIN(code), "the code is the grant's")
	now := m.now.UnixMilli()
	require.True(m.t, g.From <= now && now < g.Until, "the grant is valid now")
	require.True(m.t, g.Holder >= protocol.HolderCustomer && g.Holder <= protocol.HolderEngineer, "holder %d is known", g.Holder)
	require.True(m.t, g.Holder != protocol.HolderEngineer || g.Uses > 0, "an engineer's grant is counted")
	if g.Holder != protocol.HolderCustomer {
		return
	}
	require.NotEmpty(m.t, g.Containers)
	for _, c := range g.Containers {
		require.True(m.t, m.isIn(position, c), "container %s is in", c)
	}
}

// check holds an answer against what must be true. code and command say what the input was.
func (m *model) check(d Decision, position, code, command string) {
	used := map[string]bool{}
	for _, b := range d.Records {
		switch b := b.(type) {
		case protocol.GrantUsed:
			if b.Late { // the door gave way after all: nobody entered a code just now
				m.uses[b.Grant]++
				require.Equal(m.t, m.uses[b.Grant], b.Use)
				break
			}
			m.mayOpen(position, code, b.Grant)
			if used[b.Grant] = true; b.Again {
				require.Equal(m.t, m.uses[b.Grant], b.Use, "the use in doubt")
				m.accept(position, b.Grant)
				break
			}
			m.uses[b.Grant]++
			require.Equal(m.t, m.uses[b.Grant], b.Use, "each use has its own number")
			if limit := m.grant(position, b.Grant).Uses; limit > 0 {
				require.LessOrEqual(m.t, b.Use, limit)
			}
			m.accept(position, b.Grant)
		case protocol.UseReturned:
			require.Less(m.t, b.Use, m.uses[b.Grant])
			m.uses[b.Grant] = b.Use
		case protocol.DoorFault:
			if b.Fault == protocol.DoorAlreadyOpen && b.Grant != "" {
				m.mayOpen(position, code, b.Grant)
				m.accept(position, b.Grant)
			}
		case protocol.DoorOpened:
			require.False(m.t, m.open[b.Position], "it was shut before")
			m.open[b.Position] = true
		case protocol.DoorClosed:
			require.True(m.t, m.open[b.Position], "each opening ends once")
			require.GreaterOrEqual(m.t, b.OpenMS, int64(0))
			m.open[b.Position], m.unbolted[b.Position] = false, false
		case protocol.Unbolted:
			require.False(m.t, m.unbolted[b.Position], "said once")
			m.unbolted[b.Position] = true
		case protocol.Bolted:
			require.True(m.t, m.unbolted[b.Position], "it ends what was said")
			m.unbolted[b.Position] = false
		case protocol.PickupInferred:
			require.True(m.t, m.accepted[b.Order], "a pickup rests on a code that was taken")
		case protocol.ContainerPlaced:
			for slot, grai := range m.standsIn {
				if grai == b.GRAI {
					delete(m.standsIn, slot)
				}
			}
			m.standsIn[b.Slot] = b.GRAI
		}
	}
	for _, f := range fires(d) {
		require.Equal(m.t, position, f.Position)
		require.False(m.t, m.open[position], "an open door needs no relay")
		if f.Grant == "" {
			require.NotEmpty(m.t, f.Command)
			require.Equal(m.t, command, f.Command)
			continue
		}
		require.True(m.t, used[f.Grant], "the use is recorded in the decision that fires")
	}
	m.pending = append(m.pending, fires(d)...)
	shown(m.t, d)
	m.bounded()
}

func (m *model) accept(position, id string) {
	if g := m.grant(position, id); g.Holder == protocol.HolderCustomer {
		m.accepted[g.Order] = true
	}
}

func (m *model) bounded() {
	require.LessOrEqual(m.t, len(m.s.Locks), len(positions))
	require.LessOrEqual(m.t, len(m.s.Uses), 4*len(positions)+Remembered)
	require.LessOrEqual(m.t, len(m.s.In), 3*len(positions)+Remembered)
	for _, l := range m.s.Locks {
		require.LessOrEqual(m.t, len(l.Grants), 4*len(m.plans))
		require.LessOrEqual(m.t, l.Wrong, WrongCodes+mostDoubled)
		require.True(m.t, len(l.Grants) == 0 || l.FiredAt != 0 || l.Door == DoorOpen, "a shut door is in use by nobody")
	}
}

// turn draws one input. Each goes through a restart: the rig stores the state and reads it back.
func (m *model) turn(t *rapid.T) {
	m.t = t
	position := rapid.SampledFrom(positions).Draw(t, "position")
	switch rapid.IntRange(0, 15).Draw(t, "input") {
	case 0, 1, 2:
		code := rapid.SampledFrom(append(m.pins, "none")).Draw(t, "code")
		m.check(m.code(position, code), position, code, "")
	case 3, 4:
		m.check(m.contact(position, rapid.Bool().Draw(t, "closed")), position, "", "")
	case 5:
		m.check(m.unlock(position), position, "", "cmd")
	case 6:
		m.answer(t)
	case 7, 10, 11:
		m.handIn(t, position)
	case 8:
		m.p = rapid.SampledFrom(append(m.plans, Plan{})).Draw(t, "plan")
		before := reread(t, m.s)
		after := PlanChanged(m.s, m.p)
		require.Equal(t, before, m.s)
		m.s = reread(t, after)
	case 9:
		m.now = m.now.Add(time.Duration(rapid.Int64Range(-100, 300).Draw(t, "seconds")) * time.Second)
		m.check(m.take(Tick), "", "", "")
	case 12, 13:
		m.check(m.bolt(position, rapid.Bool().Draw(t, "out"), rapid.Bool().Draw(t, "leaf")), position, "", "")
	case 14:
		m.check(m.key(position, rapid.Bool().Draw(t, "turned")), position, "", "")
	case 15:
		m.check(m.take(func(s State, _ Plan, now time.Time) Decision { return Decision{State: Started(s, now)} }), "", "", "")
	}
}

// handIn scans a pair, half of the time the right one.
func (m *model) handIn(t *rapid.T, position string) {
	i := rapid.IntRange(0, 3).Draw(t, "slot")
	box := rapid.SampledFrom([]string{boxA, boxB, boxC}).Draw(t, "box")
	if c := m.p[position].Containers; i < len(c) && c[i].GRAI != "" && rapid.Bool().Draw(t, "right") {
		box = c[i].GRAI
	}
	m.box(box)
	m.check(m.slot(fmt.Sprintf("%s-%d", position, i)), "", "", "")
}

// answer lets a relay answer, with or without success, or loses the answer to a power cut.
func (m *model) answer(t *rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	f := m.pending[0]
	m.pending = m.pending[1:]
	switch rapid.IntRange(0, 2).Draw(t, "relay") {
	case 0:
		m.check(m.fired(f, nil), f.Position, "", "")
	case 1:
		m.check(m.fired(f, errSilent), f.Position, "", "")
	}
}

func TestNoSequenceOfInputsRestartsAndClockStepsOpensWithoutAValidGrant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pins := []string{"1111", "2222", "3333"}
		plans := []Plan{drawPlan(t, pins, 0), drawPlan(t, pins, 1)}
		m := &model{rig: newRig(t, State{}, plans[0]), pins: pins, plans: plans, standsIn: map[string]string{},
			uses: map[string]uint32{}, accepted: map[string]bool{}, open: map[string]bool{}, unbolted: map[string]bool{}}
		for range rapid.IntRange(1, 60).Draw(t, "turns") {
			m.turn(t)
		}
	})
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"8003" + boxA, "93f1-1", "8003" + boxC + "\x1d93f1-3", "]d293f1-2", "", "\xff\xfe", "0109520001000010"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := newRig(t, State{}, twoFridges())
		for _, scan := range []string{first, second, "93f1-1"} {
			shown(t, r.scan(scan)) // the rig reads state and records back
		}
		require.LessOrEqual(t, len(r.s.In), 2)
	})
}
