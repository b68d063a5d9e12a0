package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"meguri/hub/dispatch"
	"meguri/protocol"
)

// model knows what must be true. It stands outside the system and believes nobody: it hears of each record as soon as it is
// durable, of each pulse of a relay from the wire that moves the bolt, and of each message from the network.
type model struct {
	now   func() time.Time // the true time
	trace func(format string, args ...any)

	mu       sync.Mutex
	failures []string
	devices  map[string]*truth
	grants   map[string]dispatch.Grant // by id
	commands map[string]*asked
	boxes    map[string]string // dated container → the box that people use for it
	rewound  bool              // the hub was set back to a backup, and devices were not told to keep what is in none
	restored bool              // the hub was set back to a backup
	odd      int               // events that the hub could not apply

	revoked map[string]time.Time                          // when a grant was taken back, by id
	guessed map[string]bool                               // grants whose first digits somebody has guessed codes with
	online  func(device string, since time.Duration) bool // whether a device has heard the hub all the time since
}

// asked is a command that a person gave.
type asked struct {
	target   string // position
	deadline time.Time
	taken    int
	fired    int
}

// truth is what is known of one device.
type truth struct {
	id        string
	lives     []*life // the storages that it had; the last one is in use
	card      int     // which of its cards is in it, copies of one counting as that one
	cards     int     // how many empty ones it has got
	branched  bool    // copies or broken files were put into it: its records come under several numberings
	badClock  bool    // its wall clock may be wrong
	noBattery bool    // its clock begins in 1970
	owes      bool    // its disk was full: it may have recorded things later than they happened
	credit    map[string]time.Time
	plans     map[uint64]map[string]protocol.LockPlan // by version and position, as the hub sent them
	manifests map[string]string                       // parts, by incarnation and version
	safe      map[string]uint64                       // the highest number that the hub called safe, by incarnation and log
	placed    map[string]bool                         // boxes that any of its storages has seen placed, with their slots
	wrongAt   map[string]time.Time                    // when somebody last tried a wrong code, by position
	acked     map[string]acked                        // by incarnation and log
	met       map[trait]bool                          // of events
	forgotten []span                                  // what was recorded then may have gone with a storage that was put away
}

// life is one storage.
type life struct {
	incarnation protocol.Incarnation // as it said on its newest connection; zero before the first
	facts       map[protocol.LogID]map[uint64]fact
	all         []fact // events, in the order of time
	last        map[protocol.LogID]uint64
	plan        uint64
	uses        map[string]uint32
	pickups     map[string]bool // orders that were taken, with the fridge
	in          map[string]bool // boxes that were placed, with their slots
	held        map[string]bool // dated containers that the station has held by itself; nobody releases them here
	felt        map[string]felt // what the probes of a position have said, as recorded
	unknown     int             // commits of which nobody knows whether they were written
	destroyed   bool
}

// felt is what is known of the air at a position.
type felt struct {
	at       time.Time     // of the last round with a value
	gap      time.Duration // the longest between two
	min, max int64         // millidegrees Celsius
}

// acked is the newest acknowledgement of a log.
type acked struct{ epoch, applied uint64 }

type span struct{ from, until time.Time }

// fact is one durable record.
type fact struct {
	kind protocol.Kind
	body string
	at   time.Time
	size int // samples, of readings

	// twin says that a copy of the storage has recorded the very same before, to the bit: a board without a battery clock that
	// starts on an image goes through the same numbers, and the same first milliseconds after 1970.
	twin bool
}

// trait is all that a record says of itself before the clock of a board without battery is set. An empty card has nothing from
// the one before, however alike its first boot is.
type trait struct {
	card   int
	kind   protocol.Kind
	body   string
	number uint64
	age    time.Duration // of the boot
}

// samples counts the samples in a reading.
func samples(b protocol.Body) int {
	switch b := b.(type) {
	case protocol.Rounds:
		return (len(b.Gaps) + 1) * len(b.Sensors)
	case protocol.Samples:
		return len(b.Samples)
	}
	return 0
}

func newLife() *life {
	return &life{facts: map[protocol.LogID]map[uint64]fact{protocol.Events: {}, protocol.Readings: {}}, last: map[protocol.LogID]uint64{},
		uses: map[string]uint32{}, pickups: map[string]bool{}, in: map[string]bool{}, held: map[string]bool{}, felt: map[string]felt{}}
}

func newModel(now func() time.Time, trace func(string, ...any)) *model {
	return &model{now: now, trace: trace, devices: map[string]*truth{}, grants: map[string]dispatch.Grant{}, commands: map[string]*asked{},
		boxes: map[string]string{}, revoked: map[string]time.Time{}, guessed: map[string]bool{},
		online: func(string, time.Duration) bool { return false }}
}

func (m *model) add(device string) {
	m.devices[device] = &truth{id: device, lives: []*life{newLife()}, credit: map[string]time.Time{}, safe: map[string]uint64{}, acked: map[string]acked{}, manifests: map[string]string{},
		plans: map[uint64]map[string]protocol.LockPlan{}, wrongAt: map[string]time.Time{}, placed: map[string]bool{}, met: map[trait]bool{}}
}

func (t *truth) life() *life { return t.lives[len(t.lives)-1] }

const mostFailures = 20

// fail notes that a promise is broken.
func (m *model) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken(format, args...)
}

func (m *model) broken(format string, args ...any) {
	if len(m.failures) < mostFailures {
		m.failures = append(m.failures, m.now().Format("01-02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// with changes what is known of a device.
func (m *model) with(device string, fn func(*truth)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn(m.devices[device])
}

// slack is how far a good clock may be off: drift, and the moment between a decision and its commit.
const slack = 3 * time.Minute

// drifts is how far a clock of 500 ppm that the hub sets now and then is off.
const drifts = 45 * time.Second

// recorded is told of each record as soon as it is durable. age is how long the board has run.
func (m *model) recorded(device string, log protocol.LogID, number uint64, b protocol.Body, age time.Duration) {
	body, err := protocol.EncodeBody(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.broken("%s recorded what cannot be encoded: %v", device, err)
		return
	}
	m.trace("%s %s %d kind %d", device, log, number, b.Kind())
	t := m.devices[device]
	l := t.life()
	if number <= l.last[log] && !t.branched {
		m.broken("%s: %s %d was recorded after %d (numbers rise)", device, log, number, l.last[log])
	}
	l.last[log] = number
	f := fact{kind: b.Kind(), body: string(body), at: m.now(), size: samples(b)}
	l.facts[log][number] = f
	if log == protocol.Events {
		key := trait{t.card, f.kind, f.body, number, age.Truncate(time.Millisecond)}
		f.twin = t.noBattery && t.met[key]
		t.met[key] = true
		l.all = append(l.all, f)
	}
	switch b := b.(type) {
	case protocol.GrantUsed:
		m.used(t, b)
	case protocol.UseReturned:
		m.returned(t, b)
	case protocol.PickupInferred:
		l.pickups[b.Order+" "+b.Position] = true
	case protocol.CommandTaken:
		m.taken(t, b)
	case protocol.RelayFired:
		if o := m.commands[b.Command]; o != nil {
			if o.fired++; o.fired > 1 {
				m.broken("%s: command %s fired the lock %d times", device, b.Command, o.fired)
			}
		}
	case protocol.CommandAnswered:
		if o := m.commands[b.ID]; o != nil && b.Outcome == protocol.CommandDone && !t.badClock && m.now().After(o.deadline.Add(drifts)) {
			m.broken("%s: command %s was done after its deadline %s", t.id, b.ID, o.deadline)
		}
	case protocol.PlanApplied:
		m.applied(t, b)
	case protocol.ContainerPlaced:
		l.in[b.GRAI+" "+b.Slot] = true
		t.placed[b.GRAI+" "+b.Slot] = true
	case protocol.Rounds:
		l.feel(b, m.now())
	case protocol.GoodsHeld:
		m.goodsHeld(t, b)
	case protocol.RideJudged:
		if b.Freed != 0 {
			delete(l.held, b.DatedContainer)
		}
	case protocol.GrantRefused:
		if b.Grant == "" {
			t.wrongAt[b.Position] = m.now()
		}
	}
}

// feel goes on with what is known of the air by rounds that are recorded now.
func (l *life) feel(b protocol.Rounds, now time.Time) {
	rounds, err := b.Split()
	if err != nil {
		panic(err) // it was encoded just now
	}
	for _, round := range rounds {
		at := now.Add(-time.Duration(round.Ago) * time.Millisecond)
		for _, s := range round.Samples {
			if s.Fault != protocol.SensorOK {
				continue
			}
			position, _, _ := strings.Cut(s.Sensor, "/")
			f, known := l.felt[position]
			if !known {
				f = felt{at: at, min: s.MilliC, max: s.MilliC}
			}
			l.felt[position] = felt{at: at, gap: max(f.gap, at.Sub(f.at)), min: min(f.min, s.MilliC), max: max(f.max, s.MilliC)}
		}
	}
}

// goodsHeld: a station holds goods only for what its own readings say, or for that they say nothing.
func (m *model) goodsHeld(t *truth, b protocol.GoodsHeld) {
	l := t.life()
	l.held[b.DatedContainer] = true
	if b.Cause.OfRide() {
		m.rideHeld(t, b)
		return
	}
	f, limit := l.felt[b.Position], protocol.GoodsLimit{}
	for _, c := range t.plans[l.plan][b.Position].Containers {
		if c.DatedContainer == b.DatedContainer {
			limit = c.Goods
		}
	}
	if t.branched || t.badClock || l.unknown > 0 {
		return
	}
	switch silent := max(f.gap, m.now().Sub(f.at)); {
	case b.Cause == protocol.GoodsBroken && f.min >= limit.MinMilliC && f.max <= limit.MaxMilliC:
		m.broken("%s: %s is held as too warm or too cold, and no reading of %s says so (P6)", t.id, b.DatedContainer, b.Position)
	case b.Cause == protocol.GoodsDoubtful && silent < time.Duration(limit.GapMS)*time.Millisecond:
		m.broken("%s: %s is held for want of readings of %s, and the longest time without one was %s of %d ms (P6)", t.id, b.DatedContainer, b.Position, silent, limit.GapMS)
	}
}

// rideHeld: goods are held as too warm on the way only when the shipper itself has recorded that it was.
func (m *model) rideHeld(t *truth, b protocol.GoodsHeld) {
	if b.Cause != protocol.RideBroken {
		return
	}
	for _, d := range m.devices {
		f, known := d.life().felt[b.Shipper]
		if known && (f.min < 0 || f.max > 8000) || d.branched || d.badClock || len(d.lives) > 1 {
			return
		}
	}
	m.broken("%s: %s is held as too warm or too cold in %s, which has felt no such thing (P6)", t.id, b.DatedContainer, b.Shipper)
}

// used: a grant opens only its own doors, in its window, and a counted one so many times and not once more.
func (m *model) used(t *truth, b protocol.GrantUsed) {
	now := m.now()
	t.credit[b.Position] = now
	g, ok := m.grants[b.Grant]
	switch {
	case !ok:
		m.broken("%s: grant %s was used at %s and nobody gave it", t.id, b.Grant, b.Position)
		return
	case !t.badClock && (now.Before(g.From.Add(-slack)) || now.After(g.Until.Add(slack))):
		m.broken("%s: grant %s was used outside its window %s to %s", t.id, b.Grant, g.From, g.Until)
	case g.Holder == dispatch.Courier && b.Use > dispatch.CourierUses:
		m.broken("%s: grant %s was used %d times, at most %d", t.id, b.Grant, b.Use, dispatch.CourierUses)
	case !strings.HasSuffix(b.Grant, "@"+b.Position):
		m.broken("%s: grant %s was used at another lock, %s", t.id, b.Grant, b.Position)
	}
	m.heldBack(t, b, now)
	l := t.life()
	if b.Again && b.Use == l.uses[b.Grant] { // the opening of a use in doubt, which is counted already
		return
	}
	if b.Use != l.uses[b.Grant]+1 && l.unknown == 0 && !t.branched {
		m.broken("%s: use %d of grant %s came after use %d", t.id, b.Use, b.Grant, l.uses[b.Grant])
	}
	l.uses[b.Grant] = b.Use
}

// returned: a use is given back only after it was counted, and less than that stands then.
func (m *model) returned(t *truth, b protocol.UseReturned) {
	l := t.life()
	if b.Use >= l.uses[b.Grant] && l.unknown == 0 && !t.branched {
		m.broken("%s: grant %s has %d uses after some of %d were given back", t.id, b.Grant, b.Use, l.uses[b.Grant])
	}
	l.uses[b.Grant] = b.Use
}

func (m *model) taken(t *truth, b protocol.CommandTaken) {
	o := m.commands[b.ID]
	if o == nil {
		m.broken("%s: command %s was taken and nobody gave it", t.id, b.ID)
		return
	}
	t.credit[o.target] = m.now()
	if o.taken++; o.taken > 1 {
		m.broken("%s: command %s was taken %d times", t.id, b.ID, o.taken)
	}
	if !t.badClock && m.now().After(o.deadline.Add(drifts)) {
		m.broken("%s: command %s was taken after its deadline %s", t.id, b.ID, o.deadline)
	}
}

// applied: versions rise within a storage.
func (m *model) applied(t *truth, b protocol.PlanApplied) {
	l := t.life()
	if b.Reason != "" {
		m.broken("%s: plan %d was refused: %s", t.id, b.Plan, b.Reason)
		return
	}
	if b.Plan <= l.plan && !t.branched {
		m.broken("%s: plan %d came into force after %d", t.id, b.Plan, l.plan)
	}
	l.plan = b.Plan
}

// fired is told by the relay itself: somebody with a right to it must have been recorded just before.
func (m *model) fired(device, position string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.devices[device]
	m.trace("%s relay of %s", device, position)
	if at, ok := t.credit[position]; !ok || m.now().Sub(at) > 5*time.Second {
		m.broken("%s: the relay of %s fired, and no use of a grant and no command is on record", device, position)
	}
	delete(t.credit, position)
}

// heldBack: a grant that was taken back opens only a lock that cannot know it, and a customer's only when the goods are in.
func (m *model) heldBack(t *truth, b protocol.GrantUsed, now time.Time) {
	l := t.life()
	part, known := t.plans[l.plan][b.Position]
	if t.branched || l.unknown > 0 || !known {
		return
	}
	i := slices.IndexFunc(part.Grants, func(g protocol.Grant) bool { return g.ID == b.Grant })
	if i >= 0 {
		for _, c := range part.Grants[i].Containers {
			for _, slot := range part.Containers {
				box := m.boxes[c] + " " + slot.Slot
				told := slot.Placed && t.placed[box] // a new board knows by the hub what the one before it has seen
				if slot.DatedContainer == c && !l.in[box] && !told {
					m.broken("%s: grant %s was used, and %s is not in (P4)", t.id, b.Grant, c)
				}
			}
		}
	}
	at, revoked := m.revoked[b.Grant]
	switch {
	case !revoked:
	case i < 0 && part.Issued >= at.UnixMilli():
		m.broken("%s: grant %s was used, and its plan %d has it taken back (P4)", t.id, b.Grant, l.plan)
	case now.Sub(at) > obeys && m.online(t.id, now.Sub(at)+time.Minute):
		m.broken("%s: grant %s was used %s after it was taken back, and it has heard the hub all the time (P4)", t.id, b.Grant, now.Sub(at))
	}
}

// obeys is within what time a lock that hears the hub opens no more for what was taken back. It is 2 s on a quiet hub, as its own tests
// hold; here a look at what is owed may be a minute away when the hub has just been started.
const obeys = look + 10*time.Second

// mustOpen says that a code has to open a door now, for the station alone knows all that it takes.
func (m *model) mustOpen(device, position, grant string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lacks(device, position, grant) == "" && !m.guessed[grant] && m.now().Sub(m.devices[device].wrongAt[position]) >= 10*time.Minute
}

// mustOpenByToken says so of a signed token, which nobody can guess.
func (m *model) mustOpenByToken(device, position, grant string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.devices[device]
	return m.lacks(device, position, grant) == "" && len(t.plans[t.life().plan][position].Keys) > 0
}

// why says what a station lacks to open a door for a grant; empty for nothing.
func (m *model) why(device, position, grant string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lacks(device, position, grant)
}

func (m *model) lacks(device, position, grant string) string {
	t, now := m.devices[device], m.now()
	l, g := t.life(), m.grants[grant]
	switch {
	case t.branched || t.badClock:
		return "its clock may be wrong"
	case now.Before(g.From.Add(slack)) || now.After(g.Until.Add(-slack)):
		return "outside the window"
	}
	part := t.plans[l.plan][position]
	for _, has := range part.Grants {
		if has.ID != grant {
			continue
		}
		if has.Uses > 0 && l.uses[grant] >= has.Uses || has.Uses == 0 && len(has.Containers) == 0 {
			return "nothing is left to open for"
		}
		for _, c := range has.Containers {
			for _, slot := range part.Containers {
				if slot.DatedContainer == c && (l.held[c] || slot.Hold == protocol.GoodsWait || slot.Hold == protocol.GoodsCondemned || !l.in[m.boxes[c]+" "+slot.Slot]) {
					return "not delivered, or held"
				}
			}
		}
		return ""
	}
	return "its plan does not have the code yet"
}

// usesOf is how often a device has counted a use of a grant.
func (m *model) usesOf(device, grant string) uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.devices[device].life().uses[grant]
}

// tookOut says whether a device has recorded that an order was taken out of a fridge.
func (m *model) tookOut(device, order, fridge string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.devices[device].life().pickups[order+" "+fridge]
}

func (m *model) granted(g dispatch.Grant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for l := range 9 {
		for f := range 9 {
			if location(l) == g.LocationID {
				m.grants[g.ID+"@"+fridge(l, f)] = g
			}
		}
	}
}
