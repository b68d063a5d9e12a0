package alarm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var t0 = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// model is what must be true of an alarm, kept apart from it: plain facts that the test itself has caused.
type model struct {
	kind                      Kind
	raised, cleared           time.Time
	revision, changes         int
	acked, confirmed, latched bool
	shelfUntil                time.Time
	shelfOnce                 bool
	ackedAt                   map[int]string // by revision, of those that were ever acknowledged
	reopened                  bool
}

func (m *model) over() bool {
	return !m.cleared.IsZero() && !m.latched && (m.acked || !m.kind.Stays) && (m.confirmed || !m.kind.Confirms)
}

// step does one thing to both and says whether the model allows it.
func (m *model) step(r *rand.Rand, a Alarm, now time.Time) (Alarm, Transition, error, bool) {
	by := fmt.Sprintf("p-%d", r.IntN(3))
	revision := m.revision - r.IntN(5)/4
	switch r.IntN(8) {
	case 0:
		b, t, err := a.Acknowledge(by, revision, now)
		ok := revision == m.revision && !m.acked && !m.over()
		if ok {
			m.acked = true
			m.ackedAt[m.revision] = by
		}
		return b, t, err, ok
	case 1:
		b, t, err := a.Confirm(by, revision, now)
		ok := revision == m.revision && !m.confirmed && !m.over() && m.acked
		if ok {
			m.confirmed = true
		}
		return b, t, err, ok
	case 2:
		s := Shelf{By: by, Reason: []string{"", "known"}[min(1, r.IntN(4))], Once: r.IntN(2) == 0,
			Until: now.Add(time.Duration(r.IntN(26)-1) * 30 * time.Minute)}
		b, t, err := a.Put(s, now)
		d := s.Until.Sub(now)
		ok := !m.over() && s.Reason != "" && d >= time.Minute && d <= MaxShelf && (!s.Once || m.cleared.IsZero())
		if ok {
			m.shelfUntil, m.shelfOnce = s.Until, s.Once
		}
		return b, t, err, ok
	case 3:
		b, t, err := a.Take(by, now)
		ok := now.Before(m.shelfUntil)
		if ok {
			m.shelfUntil, m.shelfOnce = time.Time{}, false
		}
		return b, t, err, ok
	case 4:
		at := now.Add(-time.Duration(r.IntN(60)) * time.Minute)
		b, t, changed := a.Clear(at)
		ok := m.cleared.IsZero()
		if ok {
			m.clear(later(at, m.raised))
		}
		if !changed {
			return b, t, errors.New("not active"), ok
		}
		return b, t, nil, ok
	case 5:
		b, t, err := a.Reset(by, now)
		ok := m.latched && !m.cleared.IsZero() && m.acked
		if ok {
			m.latched = false
		}
		return b, t, err, ok
	}
	return m.revise(r, a, now)
}

func (m *model) clear(at time.Time) {
	m.cleared = at
	if m.shelfOnce {
		m.shelfUntil, m.shelfOnce = time.Time{}, false
	}
}

func (m *model) revise(r *rand.Rand, a Alarm, now time.Time) (Alarm, Transition, error, bool) {
	j := Judgement{Detail: []Said{"", a.Detail, "9.1 °C"}[r.IntN(3)], Raised: m.raised.Add(time.Duration(r.IntN(3)-1) * time.Minute), Worse: r.IntN(8) == 0}
	if r.IntN(3) > 0 {
		j.Cleared = now.Add(time.Duration(r.IntN(5)-2) * time.Minute)
	}
	b, t, changed, err := a.Revise(j, now)
	ok := j.Cleared.IsZero() || !j.Cleared.Before(j.Raised)
	if ok && j.Detail == a.Detail && j.Raised.Equal(m.raised) && j.Cleared.Equal(m.cleared) {
		ok = false
	}
	if ok {
		worse := j.Worse || j.Raised.Before(m.raised) || !m.cleared.IsZero() && (j.Cleared.IsZero() || j.Cleared.After(m.cleared))
		if worse {
			m.acked, m.confirmed, m.latched = false, false, m.kind.Latches
			m.shelfUntil, m.shelfOnce = time.Time{}, false
		}
		m.reopened = worse
		m.raised, m.cleared = j.Raised, time.Time{}
		if !j.Cleared.IsZero() {
			m.clear(j.Cleared)
		}
		m.revision++
	}
	if err == nil && !changed {
		err = errors.New("the same")
	}
	return b, t, err, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Whatever people, devices and late readings do, in whatever order: the alarm is what the model says, refuses what it refuses, and
// its history has every change once.
func TestTheAlarmIsWhatTheModelSaysWhateverIsDoneToIt(t *testing.T) {
	kindNames := append(Kinds(), "temperature_low", "nobody_knows")
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 5))
		kind := kindNames[r.IntN(len(kindNames))]
		a, first := New("a-1", kind, "loc-1-f1/air", "8.4 °C", t0)
		m := &model{kind: Of(kind), raised: t0, revision: 1, changes: 1, latched: Of(kind).Latches, ackedAt: map[int]string{}}
		require.Equal(t, Transition{Number: 1, At: t0, What: WasRaised, Detail: "8.4 °C", Revision: 1}, first)
		now := t0
		for range 40 {
			now = now.Add(time.Duration(r.IntN(90)) * time.Minute)
			before, wasOver := a, m.over()
			b, tr, err, ok := m.step(r, a, now)
			require.Equal(t, ok, err == nil, "seed %d: %v", seed, err)
			if !ok {
				require.Equal(t, before, b, "seed %d: what is refused changes nothing", seed)
				continue
			}
			a = b
			m.changes++
			require.Equal(t, m.changes, tr.Number, "seed %d", seed)
			require.Equal(t, m.changes, a.Changes)
			require.Equal(t, a.Revision, tr.Revision)
			agree(t, seed, m, a, now)
			if wasOver && !m.over() {
				require.Contains(t, []What{WasReopened, WasRevised}, tr.What, "seed %d: only a judgement reopens what is over", seed)
			}
		}
	}
}

func agree(t *testing.T, seed uint64, m *model, a Alarm, now time.Time) {
	t.Helper()
	require.Equal(t, m.revision, a.Revision, "seed %d", seed)
	require.Equal(t, m.acked, a.Acknowledged.Set(), "seed %d", seed)
	require.Equal(t, m.confirmed, a.Confirmed.Set(), "seed %d", seed)
	require.Equal(t, m.latched, a.Latched, "seed %d", seed)
	require.Equal(t, m.over(), a.Over(), "seed %d", seed)
	require.Equal(t, now.Before(m.shelfUntil), a.Shelved(now), "seed %d", seed)
	require.True(t, m.raised.Equal(a.Raised) && m.cleared.Equal(a.Cleared), "seed %d", seed)
	want := Returned
	switch {
	case m.over():
		want = Over
	case now.Before(m.shelfUntil):
		want = Shelved
	case m.cleared.IsZero() && !m.acked:
		want = Unacknowledged
	case m.cleared.IsZero():
		want = Acknowledged
	case m.latched && m.acked:
		want = Latched
	}
	require.Equal(t, want, a.State(Around{}, now), "seed %d", seed)
}

func TestACauseHidesItsConsequencesUntilItsRecoveryIsOver(t *testing.T) {
	power, _ := New("p", Power, "loc-1", "", t0)
	warm, _ := New("w", "temperature", "loc-1-f1/air", "", t0.Add(time.Hour))
	warm, tr, changed := warm.Under("p", t0.Add(time.Hour))
	require.True(t, changed)
	require.Equal(t, WasExplained, tr.What)
	_, _, changed = warm.Under("p", t0.Add(time.Hour))
	require.False(t, changed)
	_, _, changed = power.Under("p", t0)
	require.False(t, changed, "nothing is its own cause")

	at := func(d time.Duration) State { return warm.State(Around{Parent: &power}, t0.Add(d)) }
	require.Equal(t, Suppressed, at(2*time.Hour))
	power, _, _ = power.Clear(t0.Add(3 * time.Hour))
	require.Equal(t, Suppressed, at(3*time.Hour+29*time.Minute))
	require.Equal(t, Unacknowledged, at(3*time.Hour+30*time.Minute), "still warm half an hour after: an alarm of its own")
}

func TestOutOfServiceHasAnEndAndAReason(t *testing.T) {
	s := Service{ID: "s", Position: "loc-1-f1", By: "p-1", Reason: "new compressor", From: t0, Until: t0.Add(time.Hour)}
	_, err := NewService(s)
	require.NoError(t, err)
	for field, wrong := range map[string]func(*Service){
		"position": func(s *Service) { s.Position = "" }, "reason": func(s *Service) { s.Reason = "" },
		"until": func(s *Service) { s.Until = t0.Add(MaxService + 1) },
	} {
		w := s
		wrong(&w)
		_, err := NewService(w)
		var f *FieldError
		require.ErrorAs(t, err, &f)
		require.Equal(t, field, f.Field)
	}
	a, _ := New("a", "door_ajar", "loc-1-f1", "", t0)
	at := func(d time.Duration) State { return a.State(Around{Service: []Service{s}}, t0.Add(d)) }
	require.Equal(t, OutOfService, at(0))
	require.Equal(t, Unacknowledged, at(time.Hour))
	s.Ended = Mark{t0.Add(time.Minute), "p-1"}
	require.Equal(t, Unacknowledged, at(time.Minute))
}

func TestEveryKindNamesConsequenceActionAndOwnerInBothLanguages(t *testing.T) {
	for _, name := range Kinds() {
		k := Of(name)
		for _, text := range []Text{k.Title, k.Consequence, k.Action} {
			require.NotEmpty(t, text.EN, name)
			require.NotEmpty(t, text.JA, name)
		}
		require.Contains(t, []string{Dispatcher, Quality, Kitting, Admin}, k.Owner, name)
		require.True(t, k.Priority >= Urgent && k.Priority <= Low, name)
		require.False(t, k.Latches && !k.Stays, "%s: a reset needs an acknowledgement", name)
		require.True(t, k.Within > 0 || k.Priority == Low, "%s: nobody is ever told", name)
		for _, cause := range CausesOf(name) {
			require.True(t, Known(cause))
			require.Positive(t, Of(cause).Recovery, "%s: its consequences shout the moment it clears", cause)
		}
	}
	require.Equal(t, Quality, Of("temperature_low").Owner)
	require.Equal(t, "temperature_low", Of("temperature_low").Name)
	require.Equal(t, Dispatcher, Of("nobody_knows").Owner)
	require.Equal(t, []string{Power}, CausesOf("temperature_low"))
	require.Nil(t, CausesOf("late"))
}

// A newer hub may ask more of a kind than the one by which an alarm was over: whatever is noted of it then does not bring it back.
func TestWhatIsOverStaysSoWhateverIsNotedOfIt(t *testing.T) {
	a := Alarm{ID: "a", Kind: Power, Raised: time.Unix(10, 0), Cleared: time.Unix(20, 0), Revision: 1, Done: true} // never acknowledged
	b, _, changed := a.Under("outage", time.Unix(30, 0))
	require.True(t, changed)
	require.True(t, b.Over())
	c, _, changed, err := b.Revise(Judgement{Raised: time.Unix(10, 0), Cleared: time.Unix(40, 0)}, time.Unix(50, 0))
	require.NoError(t, err)
	require.True(t, changed)
	require.False(t, c.Over(), "it was worse than anybody knew")
}

// Put aside for four hours at 8.2 °C; late readings then say that it began an hour earlier.
func TestAnAlarmThatGotWorseIsOnNoShelfAnyMore(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a, _ := New("t", "temperature", "f/air", "8.2 °C, limit 8.0 °C", now)
	a, _, err := a.Put(Shelf{By: "p", Reason: "loading", Until: now.Add(4 * time.Hour)}, now)
	require.NoError(t, err)
	a, tr, changed, err := a.Revise(Judgement{Detail: "25.0 °C, limit 8.0 °C", Raised: now.Add(-time.Hour)}, now.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, WasReopened, tr.What)
	require.Equal(t, Unacknowledged, a.State(Around{}, now.Add(2*time.Minute)))
}
