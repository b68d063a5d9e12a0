package station

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// TestAttackers plays days at a station: customers and drivers, and between them people who guess codes, show copies of tokens, hold
// expired, revoked and changed ones, and enter codes while others are in; with the network cut, the power going at the worst moments,
// clocks that somebody sets, bolts that jam and relays that do not answer. A model beside it knows who may.

const pickupsOfADay = 20

// visitor is somebody with a grant, as the model knows it.
type visitor struct {
	given
	position  string
	delivered bool
	gotIn     bool
	failed    bool // a mechanical fault, or the power, met one of the tries
	token     string
}

// tally is what the attackers' days came to.
type tally struct {
	pickups, gotIn, noRight, mechanical, retried, joined, afterRevoked, byToken int
	guesses, copies, copiesValid, forged, cuts, partitions, steps               int
	counted, again, returned, turnedAway                                        int
}

func (a tally) String() string {
	return fmt.Sprintf("%d pickups: %d got in (%d of them at a second try or later, after a fault), %d by token where the code would not do, "+
		"%d through a door that stood open for another; %d had no right to (early, late, revoked, "+
		"nothing delivered); %d met a fault every time; turned away without one: %d\n"+
		"against them: %d guessed codes, %d changed or self-signed tokens, %d copies of tokens (%d while the grant held: a copy is as good "+
		"as the token), %d power cuts, %d partitions, %d clocks set wrong\n"+
		"opened after it was revoked, at a lock that could not know: %d; drivers' openings: %d, uses given back: %d, opened once more in doubt: %d",
		a.pickups, a.gotIn, a.retried, a.byToken, a.joined, a.noRight, a.mechanical, a.turnedAway, a.guesses, a.forged, a.copies, a.copiesValid, a.cuts,
		a.partitions, a.steps, a.afterRevoked, a.counted, a.returned, a.again)
}

type day struct {
	*site
	visitors []*visitor
	doors    map[string]*door
	a        *tally
	online   bool
	synced   time.Time // when the plan here was made, true
}

func newDay(t tester, seed uint64, a *tally) *day {
	r := rand.New(rand.NewPCG(seed, 6))
	d := &day{a: a, doors: map[string]*door{"f1": {openings: map[string]int{}}, "f2": {openings: map[string]int{}}}, online: true}
	in := map[string]Box{}
	for i := range pickupsOfADay + 2 {
		v := d.draw(r, i)
		if v.delivered {
			in[v.Containers[0]] = Box{GRAI: fmt.Sprint(i)}
		}
		d.visitors = append(d.visitors, v)
	}
	d.site = &site{truth: noon.Add(-2 * time.Hour)}
	d.site = newSite(t, r, noon.Add(-2*time.Hour), d.planNow(), State{In: in})
	d.synced = d.truth
	d.lookAtAll()
	return d
}

// draw gives customers for both doors, and at last a driver for each.
func (d *day) draw(r *rand.Rand, i int) *visitor {
	v := &visitor{position: fmt.Sprintf("f%d", 1+i%2), delivered: r.IntN(20) > 0}
	id := fmt.Sprintf("g%d@%s", i, v.position)
	v.code = fmt.Sprintf("%03d%08d", 100+i, r.IntN(1_0000_0000))
	v.Grant = protocol.Grant{ID: id, Holder: protocol.HolderCustomer, Order: "order-" + id, PIN: protocol.HashPIN(id, v.code), Selector: v.code[:3],
		From: noon.UnixMilli(), Until: noon.Add(8 * time.Hour).UnixMilli(), Containers: []string{"c" + id}}
	if i >= pickupsOfADay {
		v.Holder, v.Order, v.Containers, v.Uses, v.delivered = protocol.HolderCourier, "", nil, 2+r.Uint32N(3), false
	}
	if r.IntN(7) == 0 {
		v.revoked = noon.Add(between(r, -time.Hour, 8*time.Hour))
	}
	return v
}

func (v *visitor) isRevoked(at time.Time) bool { return !v.revoked.IsZero() && !at.Before(v.revoked) }

func (d *day) planNow() Plan {
	p := Plan{}
	for _, position := range positions {
		p[position] = protocol.LockPlan{Position: position, Issued: noon.Add(-3 * time.Hour).UnixMilli(), Keys: [][]byte{hubKey.Public().(ed25519.PublicKey)}}
	}
	for _, v := range d.visitors {
		if lock := p[v.position]; !v.isRevoked(d.truth) {
			lock.Grants = append(lock.Grants, v.Grant)
			p[v.position] = lock
		}
	}
	return p
}

func (d *day) lookAtAll() {
	for _, position := range positions {
		d.look(d.doors[position], position)
	}
}

// hear is the hub, when it is there.
func (d *day) hear() {
	if d.online && d.powered {
		d.sync(d.planNow())
		d.synced = d.truth
	}
}

func (d *day) powerCut() {
	d.a.cuts++
	d.cut()
	d.pass(between(d.r, 100*time.Millisecond, 20*time.Minute))
	d.start()
	d.lookAtAll()
	d.hear()
}

// sign is what the customer's telephone gets from the hub now; a copy is what somebody saw of it.
func (d *day) sign(v *visitor, key ed25519.PrivateKey, change func(*protocol.Token)) string {
	token := protocol.Token{Lock: v.position, Issued: noon.Add(-3 * time.Hour).UnixMilli(), Signed: d.truth.UnixMilli(), Grant: v.Grant}
	token.Grant.PIN, token.Grant.Selector = protocol.Hash{}, ""
	change(&token)
	text, err := protocol.SignToken(token, key)
	require.NoError(d.t, err)
	return text
}

// may is the model: whose grant, at this door, in its window, goods in, not revoked as far as the lock can know, uses left.
func (d *day) may(v *visitor, position string) {
	now := d.clock()
	require.Equal(d.t, v.position, position, "%s opens its own door", v.ID)
	require.Less(d.t, now.UnixMilli(), v.Until)
	require.True(d.t, !d.proven || now.UnixMilli() >= v.From, "%s opened before its window", v.ID)
	require.True(d.t, v.Holder != protocol.HolderCustomer || v.delivered, "%s opened and its goods are not in", v.ID)
	require.False(d.t, v.isRevoked(d.synced), "%s opened and the plan of %v had it revoked", v.ID, d.synced)
	if v.isRevoked(d.truth) {
		d.a.afterRevoked++
	}
}

// decided looks at a decision: whoever the relay fires for, or joins an open door, must be v.
func (d *day) decided(dec Decision, v *visitor, position string) (f *Fire, joins bool) {
	for _, b := range dec.Records {
		switch b := b.(type) {
		case protocol.GrantUsed:
			require.Equal(d.t, v.ID, b.Grant)
			if b.Again {
				d.a.again++
			}
		case protocol.DoorFault:
			if b.Fault == protocol.DoorAlreadyOpen {
				require.Equal(d.t, v.ID, b.Grant)
				d.may(v, position)
				joins = true
			}
		}
	}
	for _, fire := range fires(dec) {
		require.Equal(d.t, Fire{Position: position, Grant: v.ID}, fire)
		d.may(v, position)
		f = &fire
	}
	return f, joins
}

// enter is one try of somebody with a right to it, who shows a token when the code does not do.
func (d *day) enter(v *visitor) (in, fault bool) {
	shows := d.r.IntN(4) == 0 // at once, and others see it
	if shows && !v.isRevoked(d.truth) {
		v.token = d.sign(v, hubKey, func(*protocol.Token) {})
	}
	f, joins := d.decided(d.code(v.position, v.code), v, v.position)
	if f == nil && !joins && !v.isRevoked(d.truth) {
		v.token = d.sign(v, hubKey, func(*protocol.Token) {})
		if f, joins = d.decided(d.scan(v.token), v, v.position); f != nil || joins {
			d.a.byToken++
		}
	}
	switch {
	case joins:
		d.a.joined++
		return true, false
	case f == nil:
		return false, false
	}
	return d.pull(*f)
}

// pull is the moment between the use and the outcome, with all that can go wrong in it.
func (d *day) pull(f Fire) (in, fault bool) {
	door := d.doors[f.Position]
	door.jammed, door.silent = d.r.IntN(30) == 0, d.r.IntN(50) == 0
	moves := !door.jammed && !door.silent
	switch n := d.r.IntN(40); {
	case n == 0: // the power goes before the relay moves
		d.powerCut()
		fault = true
	case n == 1 && moves: // and after it: the door is open, or shut again before anybody looks
		door.openings[f.Grant]++
		in, door.open = true, d.r.IntN(2) == 0
		d.powerCut()
	case n < 4: // nobody pulls
		d.fire(door, f, false)
		fault = true
	default:
		in = d.fire(door, f, true)
		fault = !in
	}
	return in, fault
}

// visit is a customer who tries until the door opens or a quarter of an hour is over.
func (d *day) visit(v *visitor) {
	if d.r.IntN(5) == 0 { // a prankster was here, and knows the first digits
		d.guess(v.position, v.code[:3], 1+d.r.IntN(8))
	}
	for n := range 6 {
		before := d.clock()
		in, fault := d.enter(v)
		if in {
			v.gotIn = true
			if n > 0 {
				d.a.retried++
			}
			d.meet(v)
			return
		}
		if v.failed = v.failed || fault; !fault {
			d.turnedAway(v, before)
			return
		}
		d.done(d.settle())
		d.pass(between(d.r, 5*time.Second, 2*time.Minute))
	}
	d.a.mechanical++
}

// turnedAway holds a refusal against the model.
func (d *day) turnedAway(v *visitor, now time.Time) {
	window := func(t time.Time) bool { return t.UnixMilli() >= v.From && t.UnixMilli() < v.Until }
	if !v.delivered || v.isRevoked(d.truth) || !window(d.truth) || d.proven && !window(now) {
		d.a.noRight++ // or the clock is wrong, which is one of the faults that were put in
		return
	}
	d.a.turnedAway++
	require.Fail(d.t, "a valid customer was turned away", "%s at %v, lock %v, proven %v", v.ID, d.truth, now, d.proven)
}

// meet is what happens while the door is open: another customer comes up.
func (d *day) meet(v *visitor) {
	door := d.doors[v.position]
	d.pass(between(d.r, time.Second, 40*time.Second))
	if other := d.visitors[d.r.IntN(pickupsOfADay)]; d.r.IntN(3) == 0 && other != v && other.position == v.position {
		before := d.s.Uses[other.ID].Count
		if f, joins := d.decided(d.code(other.position, other.code), other, other.position); joins {
			d.a.joined++
			require.Equal(d.t, before, d.s.Uses[other.ID].Count, "no use is burned at a door that stands open")
		} else if f != nil { // it was shut: a power cut came before the contacts were read
			d.pull(*f)
		}
	}
	d.shut(door, v.position)
	d.done(d.settle())
}

func (d *day) done(dec Decision) {
	for _, b := range dec.Records {
		if b.Kind() == protocol.KindUseReturned {
			d.a.returned++
		}
	}
}

// drive is a driver who comes back as often as the lock lets him, and then some.
func (d *day) drive(v *visitor) {
	if f, joins := d.decided(d.code(v.position, v.code), v, v.position); f != nil {
		if in, _ := d.pull(*f); in {
			d.a.counted++
		}
	} else if joins {
		d.a.joined++
	}
	d.pass(time.Minute)
	d.shut(d.doors[v.position], v.position)
	d.done(d.settle())
}

// guess enters drawn codes, one after another.
func (d *day) guess(position, selector string, times int) {
	for range times {
		d.a.guesses++
		code := selector + fmt.Sprintf("%011d", d.r.Uint64N(100_000_000_000))[len(selector):]
		require.Empty(d.t, fires(d.code(position, code)), "a guess opened")
		d.pass(between(d.r, time.Second, 5*time.Second))
	}
}

// attack is somebody without a right to anything, or with a copy of what another has.
func (d *day) attack() {
	v, position := d.visitors[d.r.IntN(len(d.visitors))], positions[d.r.IntN(2)]
	switch d.r.IntN(4) {
	case 0: // guesses, half of them at a selector that is known
		d.guess(position, []string{"", v.code[:3]}[d.r.IntN(2)], 1+d.r.IntN(9))
	case 1: // a token of one's own making, or one that was changed
		d.a.forged++
		key := otherKey
		text := d.sign(v, key, func(t *protocol.Token) { t.Grant.Until += 1_000_000 })
		require.Empty(d.t, fires(d.scan(text)))
		if v.token != "" {
			at := 20 + d.r.IntN(len(v.token)-21) // the last character has bits that say nothing
			other := map[bool]string{true: "A", false: "B"}[v.token[at] != 'A']
			require.Empty(d.t, fires(d.scan(v.token[:at]+other+v.token[at+1:])))
		}
	case 2: // a right code at the wrong door
		if position != v.position {
			require.Empty(d.t, fires(d.code(position, v.code)))
		}
	default: // a photograph
		if v.token == "" {
			return
		}
		d.a.copies++
		if f, _ := d.decided(d.scan(v.token), v, v.position); f != nil {
			d.a.copiesValid++
			d.pull(*f)
			d.shut(d.doors[v.position], v.position)
		}
	}
	d.done(d.settle())
}

// step is somebody who sets the board's clock. edge/app follows no more than an hour back, and only while no hub has spoken.
func (d *day) step() {
	if d.online || !d.powered {
		return
	}
	d.a.steps++
	by := between(d.r, -time.Hour, 2*time.Hour)
	d.off += by
	d.within += by.Abs()
}

func (d *day) run() {
	type event struct {
		at time.Time
		do func()
	}
	var events []event
	add := func(n int, from, until time.Duration, do func()) {
		for range n {
			events = append(events, event{noon.Add(between(d.r, from, until)), do})
		}
	}
	for _, v := range d.visitors[:pickupsOfADay] {
		add(1, -30*time.Minute, 8*time.Hour+30*time.Minute, func() { d.a.pickups++; d.visit(v) })
		if !v.revoked.IsZero() {
			events = append(events, event{v.revoked, d.hear}) // an online lock hears at once
		}
	}
	for _, v := range d.visitors[pickupsOfADay:] {
		add(7, -time.Hour, 9*time.Hour, func() {
			for range 1 + d.r.IntN(4) { // whoever was not let in, or has forgotten something, tries again at once
				d.drive(v)
			}
		})
	}
	for at := -2 * time.Hour; at < 10*time.Hour; at += 30 * time.Minute {
		events = append(events, event{noon.Add(at), d.hear})
	}
	add(12, -time.Hour, 10*time.Hour, d.attack)
	add(d.r.IntN(4), -time.Hour, 9*time.Hour, d.powerCut)
	add(d.r.IntN(2), -time.Hour, 9*time.Hour, d.step)
	add(d.r.IntN(3), -2*time.Hour, 6*time.Hour, func() { d.a.partitions++; d.online = false })
	add(d.r.IntN(3), time.Hour, 10*time.Hour, func() { d.online = true; d.hear() })
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		d.truth = maxTime(d.truth, e.at)
		e.do()
	}
	for _, v := range d.visitors {
		if v.Uses > 0 {
			require.LessOrEqual(d.t, d.again[v.ID], int(v.Uses), "%s: each use is in doubt once", v.ID)
			require.LessOrEqual(d.t, d.doors[v.position].openings[v.ID], int(v.Uses)+d.again[v.ID], "%s: no more than counted, and once more for each use in doubt", v.ID)
		}
		if v.gotIn {
			d.a.gotIn++
		}
	}
}

func TestAttackersGetNothingAndCustomersTheirGoods(t *testing.T) {
	var a tally
	for seed := *simSeed; a.pickups < mostOf(*simPickups); seed++ {
		newDay(t, seed, &a).run()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	require.NotZero(t, a.gotIn)
	require.NotZero(t, a.copies)
	require.Zero(t, a.turnedAway)
	t.Log("\n" + a.String())
}
