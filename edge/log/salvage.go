package log

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"meguri/protocol"
)

// Salvage reads what can be read of the broken file from, without changing it, into a new log at into under a new incarnation
// whose parent is the broken one. Its first event is protocol.Salvaged, with the numbers that are lost; then come the records
// that were not delivered, numbered anew, each with the boot, times, kind and body that it had. Local state is kept only when
// the file proves that it is what was written last. It takes little memory whatever the size of the file.
//
// The error wraps ErrFull when there is no room for the new file. A file of a newer program is refused.
func Salvage(from, into string, o Options) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("salvage %s: %w", from, err)
	}
	defer func() { _ = f.Close() }()
	err = guard(func() error { return salvageFile(f, into, o) })
	if err != nil {
		return fmt.Errorf("salvage %s: %w", from, asFull(err))
	}
	return nil
}

func salvageFile(f *os.File, into string, o Options) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, why := verifyFile(f)
	if errors.Is(why, errNewer) {
		return why
	}
	r := rescue{reason: "nothing was found to be broken"}
	if why != nil {
		r.reason = why.Error()
	}
	if err := r.survey(&file{ReaderAt: f, size: info.Size()}); err != nil {
		return err
	}
	if err := r.eachRecord(r.miss); err != nil {
		return err
	}
	maxBytes := o.MaxBytes
	if maxBytes == 0 {
		maxBytes = defaultMaxBytes
	}
	r.kept = asideName(f.Name())
	if r.out, err = newBuilder(into, max(maxBytes, info.Size()), r.life()); err != nil {
		return err
	}
	if err := r.write(); err != nil {
		return errors.Join(err, r.out.discard())
	}
	db, err := r.out.finish()
	if err != nil {
		return err
	}
	return db.Close()
}

// rescue is one salvage.
type rescue struct {
	reason string
	kept   string // the name under which the broken file will be kept, if it will be
	scan   *scan
	known  *life     // of the broken file, nil when it cannot be read
	best   *position // the newest that can be read, nil for none
	open   bool      // it is not known how far the logs went
	torn   bool      // part of the last transaction is lost, so all of it
	trees  []*tree   // the two newest, where they can be read
	sums   directory // of local state as it was last, nil when it cannot be read

	logs map[protocol.LogID]*extent
	boot uint64 // the last one
	out  *builder
}

// extent is which numbers of a log are looked for.
type extent struct {
	first, next uint64
	lostTo      uint64 // behind the last number that is named lost, next or more
	lost        []protocol.LostSpan
}

// survey finds out what the file held.
func (r *rescue) survey(f *file) error {
	newest, older, err := f.metas()
	r.scan = newScan(f, newest, older)
	s := r.scan
	s.about()
	if len(s.lives) > 0 {
		r.known = &s.lives[0]
		if r.boot = r.known.Boot; r.known.Version > formatVersion {
			return fmt.Errorf("%w: format %d of the file, this program knows %d", errNewer, r.known.Version, formatVersion)
		}
	}
	if err == nil {
		// Both meta pages are whole: what says that it is newer was never committed.
		for len(s.positions) > 0 && s.positions[0].Tx > txNumber(newest.tx) {
			s.positions = s.positions[1:]
		}
	}
	if len(s.positions) > 0 {
		r.best = &s.positions[0]
		if r.known == nil && r.best.Tx != 0 {
			r.known = &life{Version: formatVersion, Incarnation: r.best.Incarnation, Boot: r.best.Boot}
		}
		r.boot = max(r.boot, r.best.Boot)
	}
	r.bound(newest)
	if r.open || r.torn {
		return nil
	}
	for _, m := range []*meta{newest, older} {
		if m == nil {
			continue
		}
		t, _ := f.openTree(*m, true)
		r.trees = append(r.trees, t)
		if sums, err := t.directory(); err == nil && r.best.Tx != 0 && hashOf(sums.encode()) == r.best.Digest {
			r.sums = sums
		}
	}
	return nil
}

// bound says which numbers of each log to look for.
func (r *rescue) bound(newest *meta) {
	s, low := r.scan, emptyPosition()
	r.open = r.best == nil || newest != nil && r.best.Tx < txNumber(newest.tx) && (r.known == nil || r.known.Version >= 2)
	if len(s.positions) > 1 && s.positions[1].Tx+1 == s.positions[0].Tx {
		low = s.positions[1]
	}
	var end position
	if r.best != nil {
		end = *r.best
	}
	s.records([2]uint64{low.Events.Next, low.Readings.Next}, [2]uint64{end.Events.Next, end.Readings.Next})
	r.logs = map[protocol.LogID]*extent{}
	for _, w := range []*window{&s.events, &s.readings} {
		e := &extent{first: max(1, w.least), next: w.most + 1}
		if r.best != nil {
			e.first, e.next = r.best.of(w.id).First, r.best.of(w.id).Next
		}
		e.lostTo = max(e.next, e.first)
		if e.next = e.lostTo; r.open && r.best != nil && w.most >= e.next {
			// Something was committed after the newest position that can be read. Of a single transaction part may be
			// missing, so it counts for nothing; of more, each record counts.
			e.lostTo = w.most + 1
			if r.best.Tx+1 < txNumber(newest.tx) {
				e.next = e.lostTo
			}
		}
		r.logs[w.id] = e
	}
	if low.Tx != 0 && !r.whole(&s.events, low) || low.Tx != 0 && !r.whole(&s.readings, low) {
		// A transaction is there whole or not at all, also when the disk has lost part of it.
		r.torn = true
		for id, e := range r.logs {
			e.first, e.next = low.of(id).First, low.of(id).Next
		}
	}
}

// whole says whether a window, which begins behind the position before the newest, has all records of the last transaction.
func (r *rescue) whole(w *window, before position) bool {
	s := r.best.of(w.id)
	if s.Next-before.of(w.id).Next > windowSize {
		return true // a copy of a log; not one of the device's acts
	}
	r.scan.prove(w, s.Next)
	for n := max(before.of(w.id).Next, s.First); n < s.Next; n++ {
		if w.found[n-w.low] == 0 {
			return false
		}
	}
	return true
}

// eachRecord visits all numbers that are looked for, events first: each with its record, and spans without one.
func (r *rescue) eachRecord(visit func(id protocol.LogID, from, to uint64, rec *protocol.Record) error) error {
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		e := r.logs[id]
		for number := e.first; number < e.next; {
			w := r.load(id, number)
			for end := min(e.next, w.low+windowSize); number < end; number++ {
				if err := visit(id, number, number, r.record(w, number)); err != nil {
					return err
				}
			}
			skip := e.next // when nothing comes behind the window
			if w.beyond != 0 {
				skip = min(skip, w.beyond)
			}
			if number < skip {
				if err := visit(id, number, skip-1, nil); err != nil {
					return err
				}
				number = skip
			}
		}
	}
	return nil
}

// load makes the window hold a number, with what was not committed taken out.
func (r *rescue) load(id protocol.LogID, number uint64) *window {
	s := r.scan
	w := &s.events
	if id == protocol.Readings {
		w = &s.readings
	}
	if w.proved && number >= w.low && number < w.low+windowSize {
		return w
	}
	events, readings := r.logs[protocol.Events], r.logs[protocol.Readings]
	low := [2]uint64{events.first, readings.first}
	low[id-protocol.Events] = number
	s.records(low, [2]uint64{events.next, readings.next})
	for _, w := range []*window{&s.events, &s.readings} {
		s.prove(w, r.logs[w.id].next)
		w.proved = true
	}
	return w
}

// record reads a record that was found.
func (r *rescue) record(w *window, number uint64) *protocol.Record {
	_, bytes, ok := r.scan.load(w.id, number, w.found[number-w.low])
	if !ok {
		return nil
	}
	rec, err := protocol.DecodeRecord(bytes)
	if err != nil {
		return nil
	}
	return &rec
}

// miss notes numbers that are lost, and the boot of one that is not.
func (r *rescue) miss(id protocol.LogID, from, to uint64, rec *protocol.Record) error {
	if rec == nil {
		r.logs[id].addLost(id, from, to)
	} else if r.known == nil {
		r.boot = max(r.boot, rec.Boot)
	}
	return nil
}

// addLost names numbers as lost. Above half of what a record may name, the last span reaches to the end of them all.
func (e *extent) addLost(id protocol.LogID, from, to uint64) {
	if n := len(e.lost); n > 0 && (e.lost[n-1].To+1 == from || n == protocol.MaxLostSpans/2) {
		e.lost[n-1].To = to
		return
	}
	e.lost = append(e.lost, protocol.LostSpan{Log: id, From: from, To: to})
}

// life is that of the new file: a new incarnation, which counts boots on.
func (r *rescue) life() life {
	l := life{Version: formatVersion, Incarnation: protocol.NewIncarnation(), Boot: r.boot}
	if r.known != nil {
		l.Parent = &protocol.Parent{Incarnation: r.known.Incarnation, State: r.keptState(),
			Events: r.logs[protocol.Events].first, Readings: r.logs[protocol.Readings].first}
	}
	return l
}

// keptState says whether all local state is kept, as it was last.
func (r *rescue) keptState() bool {
	return r.sums != nil && r.best != nil && !r.open && r.eachState(func(element, []element) error { return nil }) == len(r.sums)
}

// write writes the new log.
func (r *rescue) write() error {
	s := protocol.Salvaged{Reason: r.text()}
	if r.known != nil {
		s.Parent = r.known.Incarnation
	}
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		e := r.logs[id]
		if e.next < e.lostTo {
			e.addLost(id, e.next, e.lostTo-1)
		}
		s.Lost = append(s.Lost, e.lost...)
	}
	if err := r.out.salvaged(s); err != nil {
		return err
	}
	err := r.eachRecord(func(id protocol.LogID, _, _ uint64, rec *protocol.Record) error {
		if rec == nil {
			return nil
		}
		if err := forgetNumbers(rec); err != nil {
			return err
		}
		return r.out.record(id, *rec)
	})
	if err != nil {
		return err
	}
	return r.writeState()
}

// salvaged adds the record that says so. It is at the beginning of the boot that the next Open counts.
func (b *builder) salvaged(s protocol.Salvaged) error {
	body, err := protocol.EncodeBody(s)
	if err != nil {
		return err
	}
	return b.record(protocol.Events, protocol.Record{Boot: b.life.Boot + 1, Kind: protocol.KindSalvaged, Body: body})
}

// text is the reason, and what else became of the file.
func (r *rescue) text() string {
	text := strings.ToValidUTF8(r.reason, "?")
	text = strings.ToValidUTF8(text[:min(len(text), 200)], "")
	switch kept := r.eachState(func(element, []element) error { return nil }); {
	case r.sums == nil:
		text += "; local state is lost"
	default:
		text += fmt.Sprintf("; %d of %d values of local state are kept", kept, len(r.sums))
	}
	switch {
	case r.logs == nil:
	case r.best == nil:
		text += fmt.Sprintf("; what came before event %d and reading %d is not known", r.logs[protocol.Events].first, r.logs[protocol.Readings].first)
		fallthrough
	case r.open:
		text += fmt.Sprintf("; what came after event %d and reading %d is not known",
			r.logs[protocol.Events].lostTo-1, r.logs[protocol.Readings].lostTo-1)
	}
	if r.kept == "" {
		return text + fmt.Sprintf("; the file is not kept: there are %d", maxBroken)
	}
	return text
}
