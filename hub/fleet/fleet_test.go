package fleet

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

func TestGreetingTakesTheNewestSessionAndIncarnation(t *testing.T) {
	d := Device{ID: "d", PlanSent: 5, CommandCounter: 3}
	first := Greeting{Incarnation: "a", Boot: 2, Session: 4, Software: "1", Plan: 2, CommandCounter: 1}
	d = d.Greet(first, false, now)
	require.Equal(t, "a", d.Incarnation)
	require.Equal(t, Online, d.Presence())
	require.EqualValues(t, 2, d.PlanActive)
	require.EqualValues(t, 5, d.PlanSent)

	late := first
	late.Session, late.Software, late.Plan = 3, "0", 1
	require.Equal(t, d, d.Greet(late, true, now.Add(time.Second)), "a hello of an older session changes nothing")

	d = d.Greet(Greeting{Incarnation: "b", Boot: 1, Session: 1, Software: "2"}, false, now)
	require.Equal(t, "b", d.Incarnation)
	require.EqualValues(t, 1, d.Boot)
	require.Zero(t, d.PlanActive, "a new incarnation has no plan")
	require.Equal(t, d, d.Greet(first, true, now), "a former incarnation does not come back")
}

// The network may bring a hello twice. The plan that it names was in force when it was written: believed anew, the hub would send
// the newer plan again and again, and the device, which has it, would never answer.
func TestAHelloThatComesAgainTakesNoPlanBack(t *testing.T) {
	hello := Greeting{Incarnation: "a", Boot: 1, Session: 2, Plan: 7}
	d := Device{}.Greet(hello, false, now).Activate("a", 8)
	require.EqualValues(t, 8, d.Greet(hello, true, now).PlanActive)
	hello.Session++
	require.EqualValues(t, 7, d.Greet(hello, true, now).PlanActive, "a new session knows what is in force")
}

func TestVersionsNeverFallBehindTheDevice(t *testing.T) {
	d := Device{PlanSent: 1, CommandCounter: 1}.Greet(Greeting{Incarnation: "a", Boot: 1, Plan: 9, CommandCounter: 7}, false, now)
	require.EqualValues(t, 9, d.PlanSent)
	require.EqualValues(t, 7, d.CommandCounter)
	d = d.Activate("a", 12)
	require.EqualValues(t, 12, d.PlanActive)
	require.EqualValues(t, 12, d.PlanSent)
	require.EqualValues(t, 12, d.Activate("a", 3).PlanActive, "an older plan does not come back")
	require.EqualValues(t, 12, d.Activate("b", 20).PlanActive, "another incarnation's plan is not this one's")
}

func TestOnlyTheNewestSessionsWillEndsThePresence(t *testing.T) {
	d := Device{}.Greet(Greeting{Incarnation: "a", Boot: 2, Session: 2}, false, now)
	for _, old := range [][2]uint64{{1, 9}, {2, 1}} {
		require.Equal(t, Online, d.Leave("a", old[0], old[1]).Presence())
	}
	require.Equal(t, Online, d.Leave("b", 9, 9).Presence())
	require.Equal(t, Offline, d.Leave("a", 2, 2).Presence())
	require.Equal(t, Offline, d.Leave("a", 2, 3).Presence(), "a session whose hello has not come")
	require.Equal(t, Unknown, Device{Online: true}.Presence())
}

func TestTheFirstUseOfARenewedCertificateEndsTheOneBefore(t *testing.T) {
	held := Credentials{Current: "a", Next: "b"}
	require.Equal(t, Admitted, held.Judge("a"), "the new one may never arrive")
	require.Equal(t, Renewed, held.Judge("b"))
	require.Equal(t, Refused, held.Judge("c"))
	after := Credentials{Current: "b"}
	require.Equal(t, Refused, after.Judge("a"))
	require.Equal(t, Refused, after.Judge(""), "no next one is not a certificate without a name")
	require.Equal(t, Refused, Credentials{}.Judge(""))
	require.Equal(t, Refused, Credentials{Current: "a", Next: "b", Revoked: true}.Judge("b"))
}

func TestRoleIsOneOfFour(t *testing.T) {
	r, err := ParseRole("shipper")
	require.NoError(t, err)
	require.Equal(t, Shipper, r)
	_, err = ParseRole("hub")
	require.ErrorContains(t, err, `role "hub"`)
}

func TestOnlyANewSessionOfASupersededStorageIsARival(t *testing.T) {
	l := Life{Incarnation: "a", Boot: 3, Session: 2}
	require.False(t, l.Rival(Greeting{Boot: 9, Session: 9}), "it is the current one")
	l.SupersededAt = now
	for _, late := range [][2]uint64{{3, 2}, {3, 1}, {2, 9}} {
		require.False(t, l.Rival(Greeting{Boot: late[0], Session: late[1]}))
		require.Equal(t, uint64(3), l.Greet(Greeting{Boot: late[0], Session: late[1]}, now).Boot)
	}
	require.True(t, l.Rival(Greeting{Boot: 3, Session: 3}))
	require.True(t, l.Rival(Greeting{Boot: 4, Session: 1}))
	require.False(t, l.Greet(Greeting{Boot: 4, Session: 1}, now).Rival(Greeting{Boot: 4, Session: 1}), "once for each session")
}

func TestGapsOfALostStorage(t *testing.T) {
	l := Log{Next: 6}
	require.Equal(t, uint64(6), l.Lost().First)
	require.Equal(t, 5, received(l, []Gap{l.Lost()}), "what nobody has seen counts for nothing")
	_, ok := l.Found(6)
	require.False(t, ok)
	g, ok := l.Found(9)
	require.True(t, ok)
	require.EqualValues(t, 8, g.Last)
	_, ok = l.Left(6)
	require.False(t, ok)
	g, ok = l.Left(8)
	require.True(t, ok)
	require.Equal(t, NotHeld, g.Kind)
	l.Restored = true
	g, _ = l.Left(8)
	require.Equal(t, Restored, g.Kind)
}

func TestOnlyWhatAParentHeldMayBeBroughtAgain(t *testing.T) {
	require.False(t, Origin{}.Carried(1))
	require.False(t, Origin{Parent: "a", First: 5, Next: 5}.Carried(1), "the parent held nothing")
	o := Origin{Parent: "a", First: 5, Next: 8}
	require.True(t, o.Carried(3))
	require.True(t, o.Carried(5), "a few of its own may stand before")
	require.False(t, o.Carried(100))
}

func TestACommandThatWasTakenIsNeverCalledExpiredByTheHub(t *testing.T) {
	c := Command{ID: "c", Deadline: now}
	require.Equal(t, StateExpired, c.GiveUp(now).State())
	taken := c.Take(now)
	require.Equal(t, StateApplied, taken.State())
	unknown := taken.GiveUp(now)
	require.Equal(t, StateUnknown, unknown.State())
	require.False(t, unknown.Owed())
	require.False(t, unknown.Overdue(now.Add(time.Hour)))
	require.False(t, unknown.Unsettled(now.Add(SettleWithin)))
	require.True(t, unknown.Unsettled(now.Add(SettleWithin+1)))
	done, err := unknown.Answer(CommandDone, "", now)
	require.NoError(t, err)
	require.Equal(t, StateDone, done.State())
	require.Equal(t, done, done.Settle(now), "a late word of not knowing says less")
	require.Equal(t, StateUnknown, c.GiveUp(now).Settle(now).State(), "but more than the hub's guess")
}

// chain makes the running hashes of count records of a branch.
func chain(before Hash, branch byte, count int) []Hash {
	hashes := []Hash{before}
	for i := range count {
		h := hashes[i]
		hashes = append(hashes, sha256.Sum256(append(h[:], branch)))
	}
	return hashes
}

func TestContinueTakesWhatIsNewAndFits(t *testing.T) {
	all := chain(Hash{}, 1, 10)
	l := Log{Next: 6, Hash: all[5]}
	for name, c := range map[string]struct {
		first, end uint64 // of the records 1 to 10
		skip       int
		err        error
	}{
		"what is expected":    {6, 9, 0, nil},
		"an overlap":          {3, 9, 3, nil},
		"all taken already":   {4, 6, 2, nil},
		"older than the hash": {2, 4, 2, nil},
		"the rest":            {6, 11, 0, nil},
		"something missing":   {7, 9, 0, ErrAhead},
	} {
		skip, err := l.Continue(c.first, all[c.first-1:c.end])
		require.ErrorIs(t, err, c.err, name)
		require.Equal(t, c.skip, skip, name)
	}
	other := chain(Hash{}, 2, 10)
	for _, first := range []uint64{3, 6} {
		_, err := l.Continue(first, other[first-1:9])
		require.ErrorIs(t, err, ErrForked)
	}
	_, err := l.Continue(4, other[3:6])
	require.ErrorIs(t, err, ErrForked, "also when nothing would be new")
}

func TestReconcileNamesGapsAndForks(t *testing.T) {
	all := chain(Hash{}, 1, 20)
	l := Log{Next: 6, Hash: all[5]}
	for name, h := range map[string]Holding{
		"holds what is expected":     {First: 6, Next: 9, Before: all[5]},
		"holds more":                 {First: 3, Next: 9, Before: all[2]},
		"holds nothing new":          {First: 6, Next: 6, Before: all[5]},
		"held fewer when it said so": {First: 1, Next: 5},
	} {
		got, gap, err := l.Reconcile(h)
		require.NoError(t, err, name)
		require.Nil(t, gap, name)
		require.Equal(t, l, got, name)
	}
	got, gap, err := l.Reconcile(Holding{First: 9, Next: 12, Before: all[8]})
	require.NoError(t, err)
	require.Equal(t, &Gap{First: 6, Last: 8, Kind: NotHeld, Reason: "the device no longer has them"}, gap)
	require.Equal(t, Log{Next: 9, Hash: all[8]}, got)
	for name, h := range map[string]Holding{
		"has others": {First: 6, Next: 9, Before: all[4]},
	} {
		got, gap, err := l.Reconcile(h)
		require.ErrorIs(t, err, ErrForked, name)
		require.Nil(t, gap)
		require.Equal(t, l, got)
	}
}

// TestExplainedGapsCoverTheSameNumbers: thinning explains gaps, and neither adds nor loses a number.
func TestExplainedGapsCoverTheSameNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Log{Next: 100}
		gaps := []Gap{{First: 10, Last: 30, Reason: "lost"}, {First: 50, Last: 50, Reason: "lost"}, {First: 60, Last: 80, Reason: "lost"}}
		before := received(l, gaps)
		explained := map[uint64]bool{}
		for range rapid.IntRange(0, 5).Draw(t, "thinnings") {
			from := rapid.Uint64Range(1, 99).Draw(t, "from")
			to := rapid.Uint64Range(from, 99).Draw(t, "to")
			for n := from; n <= to; n++ {
				explained[n] = true
			}
			var next []Gap
			for _, g := range gaps {
				parts := g.Explain(from, to, Thinned, "thinned")
				if parts == nil {
					parts = []Gap{g}
				}
				next = append(next, parts...)
			}
			gaps = next
		}
		require.Equal(t, before, received(l, gaps))
		for _, g := range gaps {
			for n := g.First; n <= g.Last; n++ {
				require.Equal(t, explained[n], g.Kind == Thinned, "number %d", n)
			}
		}
	})
}

// received counts the numbers of a log that are in no gap.
func received(l Log, gaps []Gap) (n int) {
	for number := uint64(1); number < l.Next; number++ {
		if !slices.ContainsFunc(gaps, func(g Gap) bool { return g.First <= number && number <= g.Last }) {
			n++
		}
	}
	return n
}

func TestPlanServesTheSameIncarnationAndParts(t *testing.T) {
	parts := []Part{{Name: "a", Hash: Hash{1}}, {Name: "b", Hash: Hash{2}}}
	p := Plan{Version: 3, Incarnation: "i", Parts: parts}
	require.True(t, p.Serves("i", parts, 3))
	require.False(t, p.Serves("j", parts, 3))
	require.False(t, p.Serves("i", parts, 4), "the device has seen a newer one that is not known here")
	require.False(t, p.Serves("i", parts[:1], 3))
	require.False(t, p.Serves("i", []Part{parts[0], {Name: "b", Hash: Hash{3}}}, 3))
	require.False(t, p.Serves("i", []Part{parts[0], {Name: "c", Hash: Hash{2}}}, 3))

	d := Device{Incarnation: "i", PlanActive: 2}
	require.True(t, p.Owed(d))
	require.False(t, p.Owed(Device{Incarnation: "j"}))
	require.False(t, p.Owed(Device{Incarnation: "i", PlanActive: 3}))
	require.False(t, p.Owed(Device{Incarnation: "i", RevokedAt: now}))
	p.Refused = "no"
	require.False(t, p.Owed(d))
}

func TestDevicesAnswerStandsAboveTheHubsGuess(t *testing.T) {
	c := Command{ID: "c", Deadline: now}
	require.False(t, c.Overdue(now.Add(CommandGrace)))
	require.True(t, c.Overdue(now.Add(CommandGrace+1)))
	guess, err := c.Answer(CommandExpired, NoAnswer, now)
	require.NoError(t, err)
	require.False(t, guess.Overdue(now.Add(time.Hour)))
	done, err := guess.Answer(CommandDone, "", now)
	require.NoError(t, err)
	same, err := done.Answer(CommandDone, "", now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, done, same)
	_, err = done.Answer(CommandRefused, "", now)
	require.Error(t, err)
	own, err := c.Answer(CommandExpired, "deadline passed", now)
	require.NoError(t, err)
	_, err = own.Answer(CommandDone, "", now)
	require.Error(t, err, "the device's own expired stands")
}
