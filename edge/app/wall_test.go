package app

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

const minute = int64(time.Minute / time.Millisecond)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC).UnixMilli()

// battery is a clock that showed noon when the monotonic clock stood at zero.
func battery() wall { return newWall(0, noon, true) }

func TestABatteryClockThatShowsNoTimeIsNotSet(t *testing.T) {
	require.Equal(t, protocol.WallBattery, battery().quality)
	require.Equal(t, protocol.WallUnset, newWall(0, noon, false).quality)
	require.Equal(t, protocol.WallUnset, newWall(0, 0, true).quality, "an empty battery")
	require.Equal(t, protocol.WallUnset, newWall(0, latest, true).quality)
}

func TestAClockThatIsNotSetTakesTheHubsTime(t *testing.T) {
	w, m := newWall(0, 0, false).hub(5*hour, noon, 40)
	require.True(t, m.record)
	require.Equal(t, protocol.WallSet, w.quality)
	require.Equal(t, noon, w.at(5*hour))
	require.EqualValues(t, 40, w.within)
	require.Equal(t, noon-5*hour, w.at(0), "the hours before are dated by the same pair")
}

func TestATimeThatIsNoneIsNeverFollowed(t *testing.T) {
	for _, w := range []wall{newWall(0, 0, false), battery()} {
		for _, t0 := range []int64{0, earliest - 1, latest, -1} {
			after, m := w.hub(minute, t0, 10)
			require.Equal(t, w, after)
			require.False(t, m.record)
			require.NotEmpty(t, m.why)
			after, m = w.look(minute, t0)
			require.Equal(t, w.base, after.base)
			require.False(t, m.record)
		}
	}
}

func TestTheHubMayBeWrongByWhatTheRoundTripAllows(t *testing.T) {
	w, m := battery().hub(minute, noon+minute+900, 1000)
	require.Equal(t, moved{record: true}, m, "a battery clock that nobody has checked is worth less")
	require.Equal(t, noon+minute, w.at(minute), "it may be right")
	require.EqualValues(t, 1900, w.within)
	w, m = w.hub(2*minute, noon+2*minute+900, 100)
	require.True(t, m.record, "now it is known not to be")
	require.Equal(t, noon+2*minute+900, w.at(2*minute))
	require.EqualValues(t, 100, w.within)
}

// A quartz 500 parts in a million wrong, a welcome every ten minutes, round trips of up to 400 ms.
func TestADriftingClockStaysWithinTwoSecondsAndItsPairsAreRecorded(t *testing.T) {
	for _, ppm := range []int64{500, -500} {
		r := rand.New(rand.NewPCG(1, uint64(ppm)))
		w := battery()
		pairs := 0
		recorded := w.base
		for truth := int64(0); truth < 72*hour; truth += 1000 {
			mono := truth + truth*ppm/1_000_000
			require.Less(t, abs(w.at(mono)-(noon+truth)), int64(2000))
			require.LessOrEqual(t, abs(w.base-recorded), int64(recordAt), "records that were stamped since fit the pair")
			if truth%(10*minute) != 0 {
				continue
			}
			within := r.Int64N(200)
			var m moved
			w, m = w.hub(mono, noon+truth-within+r.Int64N(2*within+1), within)
			if m.record {
				pairs++
				recorded = w.base
			}
		}
		require.Greater(t, pairs, 72*2, "129 s in steps of half a second to a second")
		require.Less(t, pairs, 72*5, "and not one a welcome")
	}
}

func TestACoarseTimeIsRecordedAgainWhenItIsKnownMuchBetter(t *testing.T) {
	w, _ := newWall(0, 0, false).hub(0, noon, 4000)
	w, m := w.hub(10*minute, noon+10*minute+30, 50)
	require.True(t, m.record)
	require.EqualValues(t, 80, w.within)
	_, m = w.hub(20*minute, noon+20*minute, 40)
	require.False(t, m.record)
}

// The hub lets a pair be worth less with time, for quartzes drift; it has to hear that one still holds.
func TestAPairThatStillHoldsIsRecordedAgainInTimeToStayWithinTwoSeconds(t *testing.T) {
	w, last := battery(), int64(0)
	for mono := int64(0); mono < 24*hour; mono += 10 * minute {
		var m moved
		w, m = w.hub(mono, noon+mono, 100)
		if m.record {
			last = mono
			require.EqualValues(t, 100, w.within)
		}
		require.Less(t, (mono+10*minute-last)*500/1_000_000+w.within, int64(2000))
		require.LessOrEqual(t, w.recordedAt, last)
	}
}

func TestAClockIsSetForwardAtOnceHoweverFar(t *testing.T) {
	fellBack := newWall(0, earliest, true) // to its maker's date
	w, m := fellBack.hub(minute, noon, 10)
	require.True(t, m.record)
	require.Equal(t, noon, w.at(minute))
}

func TestAClockThatIsBelievedIsSetFarBackOnlyWhenTheHubInsists(t *testing.T) {
	set, _ := newWall(0, 0, false).hub(0, noon, 10)
	for name, w := range map[string]wall{"battery": battery(), "set before": set} {
		t.Run(name, func(t *testing.T) {
			back := func(mono int64) int64 { return noon + mono - 2*hour } // what the hub says
			w, m := w.hub(minute, back(minute), 10)
			require.True(t, m.record, "the records say how far it is in doubt")
			require.EqualValues(t, 2*hour+10, w.within)
			require.Equal(t, noon+minute, w.at(minute), "grants that have ended stay so")
			for mono := 11 * minute; mono < minute+hour; mono += 10 * minute {
				w, m = w.hub(mono, back(mono), 10)
				require.Equal(t, moved{}, m, "said once")
				require.Equal(t, noon+mono, w.at(mono))
			}
			w, m = w.hub(minute+hour, back(minute+hour), 10)
			require.True(t, m.record)
			require.Equal(t, back(minute+hour), w.at(minute+hour))
			require.EqualValues(t, 10, w.within)
		})
	}
}

func TestAHubThatChangesItsMindDoesNotInsist(t *testing.T) {
	w := battery()
	w, _ = w.hub(minute, noon-2*hour, 10)
	w, _ = w.hub(30*minute, noon-5*hour, 10) // another time
	w, _ = w.hub(minute+hour, noon+minute-hour, 10)
	require.Equal(t, noon, w.at(0))
	w, m := w.hub(2*hour, noon+2*hour, 10) // right again
	require.True(t, m.record, "the doubt is over, and the records say so")
	require.EqualValues(t, 10, w.within)
	require.Equal(t, noon, w.at(0))
	w, _ = w.hub(3*hour, noon-2*hour, 10)
	require.Equal(t, noon, w.at(0), "what was said before no longer counts")
}

func TestABoardsClockThatIsSetIsFollowedAndTheDoubtIsSaid(t *testing.T) {
	w, m := battery().look(minute, noon+minute+900)
	require.Equal(t, moved{}, m, "no step")
	w, m = w.look(2*minute, noon+2*minute+5000)
	require.True(t, m.record)
	require.Equal(t, noon+2*minute+5000, w.at(2*minute))
	require.EqualValues(t, 5000, w.within)
	_, m = w.look(3*minute, noon+3*minute+5000)
	require.Equal(t, moved{}, m, "once")

	w, m = battery().look(minute, noon+minute-30*minute)
	require.True(t, m.record)
	require.Equal(t, noon-29*minute, w.at(minute))

	w, m = newWall(0, 0, false).look(minute, noon)
	require.True(t, m.record, "the network has set it")
	require.Equal(t, protocol.WallSet, w.quality)
	require.Equal(t, noon, w.at(minute))
}

func TestABoardsClockThatIsSetFarBackIsNotFollowed(t *testing.T) {
	w, m := battery().look(minute, noon-24*hour)
	require.True(t, m.record, "but said")
	require.Equal(t, noon+minute, w.at(minute))
	require.EqualValues(t, 24*hour+minute, w.within)

	told, _ := battery().hub(0, noon, 10)
	w, m = told.look(minute, noon-24*hour)
	require.False(t, m.record, "the hub knows better")
	require.Equal(t, noon+minute, w.at(minute))
}

func TestABoardsClockThatComesToAgreeWithTheHubMovesNothing(t *testing.T) {
	w, _ := newWall(0, noon-20*minute, true).hub(0, noon, 10) // the board's clock was slow
	after, m := w.look(minute, noon+minute+300)               // and is put right
	require.False(t, m.record)
	require.Equal(t, w.at(minute), after.at(minute))
}

func TestABoardThatHasSleptGoesOnByItsOwnClock(t *testing.T) {
	w, _ := battery().hub(0, noon, 10)
	w, m := w.look(minute, noon+minute+8*hour) // the monotonic clock stood still
	require.True(t, m.record)
	require.Equal(t, noon+minute+8*hour, w.at(minute))
	require.EqualValues(t, 8*hour+10, w.within, "or somebody has set it: the truth lies between")
	w, m = w.hub(2*minute, noon+2*minute+8*hour, 10)
	require.True(t, m.record)
	require.EqualValues(t, 10, w.within, "the hub settles it")
}
