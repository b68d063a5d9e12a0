package app

import (
	"time"

	"meguri/protocol"
)

// wall is what a device believes of the time of day. It runs by the monotonic clock, so that it moves only where a rule here
// says so, and what is recorded of that (ClockSet) dates every record of the boot. All times are milliseconds; a time of day is
// Unix time, and base is the time of day at which the monotonic clock stood at zero.
//
// Who is believed: the hub above the board's own clock. A time outside of earliest and latest is none, whoever tells it. Forward
// a clock is always followed: one that was unset, stood still or fell back to its maker's date has to catch up. Back by more than
// maxBack a clock that is believed is not followed at once, for that makes grants valid again that have ended: the hub has to
// say the same for insistFor, and the board's own clock is not followed at all. Meanwhile the records say how far it is in doubt.
type wall struct {
	base    int64
	quality protocol.WallQuality
	within  int64 // how far base may be off, as far as known
	told    bool  // base is as the hub said in this boot, and nothing has moved it since
	ahead   int64 // how far it was moved with the board's clock since: so far back the hub is believed at once

	board int64 // base by the board's clock, as last seen
	doubt doubt

	paired     bool  // a ClockSet was recorded in this boot
	recorded   int64 // base of the last one; at a start that of the board
	bound      int64 // how far it was off at most
	recordedAt int64 // monotonic
}

// doubt is a time far back that the hub has told and that is not followed yet.
type doubt struct {
	base, within int64
	since        int64 // monotonic, of the first time that it said so; 0 for no doubt
}

const (
	hour      = int64(time.Hour / time.Millisecond)
	maxBack   = hour
	insistFor = hour

	stepped   = 1000 // the board's clock was set when it is so far from where the monotonic clock says
	setWithin = 2000 // how far a clock may be off that somebody has set on the board
	recordAt  = 500  // a pair is recorded when base has moved by more since the last, or is known so much better

	// A pair that the hub confirms is recorded again so often: at 500 ppm it would be off by 1.5 s then.
	confirmAfter = 50 * hour / 60
)

// Times before and after these are no times of this system: an empty battery, a wrong hub.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

func isTime(ms int64) bool { return ms >= earliest && ms < latest }

// newWall begins a boot. A battery clock that shows no time is not set.
func newWall(mono, board int64, battery bool) wall {
	w := wall{base: board - mono, board: board - mono}
	if battery && isTime(board) {
		w.quality = protocol.WallBattery
	}
	w.recorded = w.base
	return w
}

// notBefore is the clock of a new boot, of which the last one knew that it is no earlier than floor.
func (w wall) notBefore(mono, floor int64) wall {
	behind := floor - w.at(mono)
	switch {
	case w.quality == protocol.WallUnset || behind <= 0:
	case behind > maxBack:
		w.quality = protocol.WallUnset
	default:
		w.base, w.within = floor-mono, max(w.within, behind)
	}
	return w
}

func (w wall) at(mono int64) int64 { return w.base + mono }

// moved says what a rule has done to a wall clock.
type moved struct {
	record bool   // a ClockSet is due
	why    string // for the technician, empty when there is nothing to say
}

// hub takes what the hub says: at mono its clock showed t, right to within either way.
func (w wall) hub(mono, t, within int64) (wall, moved) {
	base := t - mono
	by := base - w.base
	switch {
	case !isTime(t):
		return w, moved{why: "the hub tells a time that is none: not followed"}
	case w.quality == protocol.WallUnset:
		w.quality = protocol.WallSet
		w.follow(base, within, true)
		return w, w.pair(mono, true, "clock set by the hub")
	case abs(by) <= within: // it may well be right
		bound := abs(by) + within
		due := !w.told || w.bound > bound+recordAt || w.old(mono)
		if due || bound < w.within {
			w.within = bound
		}
		w.told, w.doubt = true, doubt{}
		return w, w.pair(mono, due, "")
	case by < -maxBack-w.ahead && !w.insists(mono, base, within):
		return w.doubted(mono, base, within)
	}
	w.follow(base, within, true)
	if abs(by) <= stepped {
		return w, w.pair(mono, w.old(mono), "")
	}
	return w, w.pair(mono, true, "clock set by the hub")
}

// old says that the last pair was recorded long ago.
func (w wall) old(mono int64) bool { return mono-w.recordedAt >= confirmAfter }

// insists says whether the hub has told a time for long enough.
func (w wall) insists(mono, base, within int64) bool {
	return w.same(base, within) && mono-w.doubt.since >= insistFor
}

func (w wall) same(base, within int64) bool {
	return w.doubt.since != 0 && abs(base-w.doubt.base) <= within+w.doubt.within+stepped
}

// doubted notes a time that is not followed yet. Where the truth is, nobody knows: the pair says so.
func (w wall) doubted(mono, base, within int64) (wall, moved) {
	if w.same(base, within) {
		return w, moved{}
	}
	w.doubt = doubt{base: base, within: within, since: max(1, mono)}
	w.within = abs(base-w.base) + within
	return w, w.pair(mono, true, "the hub tells a time far back: not followed before it has said so for a while")
}

// look takes what the board's own clock shows at mono.
func (w wall) look(mono, board int64) (wall, moved) {
	base := board - mono
	by := base - w.board
	if abs(by) <= stepped {
		return w, moved{}
	}
	w.board = base
	switch {
	case !isTime(board):
		return w, moved{why: "the board's clock was set to a time that is none: not followed"}
	case w.quality == protocol.WallUnset:
		w.quality = protocol.WallSet
		w.follow(base, setWithin, false)
		return w, w.pair(mono, true, "clock set on the board")
	case w.told && abs(base-w.base) <= w.within+stepped:
		return w, moved{why: "the board's clock was set, and agrees with the hub's time now"}
	case by < -maxBack && w.told:
		return w, moved{why: "the board's clock was set back: the hub's time is kept"}
	case by < -maxBack:
		w.within = max(w.within, -by)
		return w, w.pair(mono, true, "the board's clock was set back: not followed before the hub says so")
	}
	// Either somebody has set it, or the board has slept and the monotonic clock stood still: the truth lies between.
	ahead := w.ahead + max(0, by)
	w.follow(w.base+by, w.within+abs(by), false)
	w.ahead = ahead
	return w, w.pair(mono, true, "the board's clock was set: followed")
}

func (w *wall) follow(base, within int64, told bool) {
	w.base, w.within, w.told, w.ahead, w.doubt = base, within, told, 0, doubt{}
}

// pair says whether a ClockSet is due, and notes that it will be recorded.
func (w *wall) pair(mono int64, due bool, why string) moved {
	if due || abs(w.base-w.recorded) > recordAt {
		w.paired, w.recorded, w.bound, w.recordedAt = true, w.base, w.within, mono
		return moved{record: true, why: why}
	}
	return moved{why: why}
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
