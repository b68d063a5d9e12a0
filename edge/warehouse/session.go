package warehouse

import (
	"crypto/subtle"
	"slices"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

const (
	idleAfter = 10 * time.Minute // without a scan, and whoever was signed on is gone: the next one is somebody else
	shift     = 10 * time.Hour   // after it even who never paused signs on anew
	mostPIN   = 12               // digits
	freeTries = 3                // wrong PINs before the first pause
	onePause  = 30 * time.Second // doubles with each more
	longPause = time.Hour
)

// idle signs off who has been away, whose shift is over, or whose badge the newest lists have no more. A clock that was set back keeps
// nobody signed on for longer.
func (t *turn) idle() {
	now := t.now.UnixMilli()
	t.s.At, t.s.Since = min(t.s.At, now), min(t.s.Since, now)
	away := now-t.s.At >= idleAfter.Milliseconds()
	if t.s.Badge != "" && (away || now-t.s.Since >= shift.Milliseconds() || !t.b.knows(t.s.Badge)) {
		t.off()
	}
	if away || !t.b.knows(t.s.Asked) {
		t.s.Asked, t.s.digits = "", ""
	}
}

// knows says whether a badge is in the plan.
func (b *Book) knows(badge string) bool {
	_, ok := b.operators[badge]
	return ok
}

// off ends somebody's work. What lies open on the table stays so for whoever comes next, and so do errors that nobody has seen; an
// inspection is made by one person from its beginning to its end.
func (t *turn) off() {
	t.records = append(t.records, protocol.OperatorChanged{})
	t.s.Badge, t.s.Inspected = "", Inspection{}
}

func (t *turn) signOff() Verdict {
	t.off()
	return t.accept(phrase.SignedOff)
}

// leave ends a step.
func (t *turn) leave() {
	t.s.Step, t.s.Place, t.s.Batch, t.s.Why, t.s.Tote, t.s.Waybill = 0, "", "", "", "", ""
	t.s.Bag, t.s.Pending, t.s.Inspected, t.s.Count = Bag{}, nil, Inspection{}, Count{}
}

// badge signs somebody on, or asks for the PIN first.
func (t *turn) badge(id string) Verdict {
	o, ok := t.b.operators[id]
	switch {
	case !ok:
		return t.nothing(code{value: id, scan: id}, "no such badge", phrase.NoSuchBadge)
	case id == t.s.Badge:
		return t.accept(phrase.SignedOn, id)
	case len(o.Check) > 0:
		t.s.Asked, t.s.digits = id, ""
		return t.accept(phrase.AskPIN)
	}
	return t.signOn(id)
}

// signOn lets somebody begin, or go on with what lies open.
func (t *turn) signOn(id string) Verdict {
	t.s.Inspected = Inspection{}
	if _, busy := t.unfinished(); !busy {
		t.leave()
	}
	t.s.Badge, t.s.Asked, t.s.digits, t.s.Since = id, "", "", t.now.UnixMilli()
	t.records = append(t.records, protocol.OperatorChanged{Badge: id})
	return t.accept(phrase.SignedOn, id)
}

// pin takes a PIN: digit cards one by one and OK, or all at once from a reader with keys. It is in no record.
func (t *turn) pin(c code) Verdict {
	switch text := c.value; {
	case c.kind == menu && text == MenuOK:
		return t.checkPIN(t.s.digits)
	case c.kind == menu && len(text) == 1 && digits(text) && len(t.s.digits) < mostPIN:
		t.s.digits += text
		return t.accept(phrase.AskPIN)
	case (c.kind == foreign || c.kind == product) && digits(plain(c.scan)) && len(plain(c.scan)) <= mostPIN:
		return t.checkPIN(plain(c.scan))
	case c.kind == menu && text == MenuOff:
		t.s.Asked, t.s.digits = "", ""
		return t.accept(phrase.SignedOff)
	}
	return t.nothing(c, "a PIN is asked for", phrase.AskPIN)
}

// checkPIN compares a PIN. Wrong ones are counted for the whole device, and with each after the third the pause doubles.
func (t *turn) checkPIN(entered string) Verdict {
	t.s.digits = ""
	o := t.b.operators[t.s.Asked]
	if t.now.UnixMilli() < t.s.Closed && t.s.Closed-t.now.UnixMilli() <= longPause.Milliseconds() {
		return Verdict{Is: protocol.VerdictRefuse, Line: phrase.New(phrase.PINClosed)}
	}
	if len(o.Check) > 0 && subtle.ConstantTimeCompare(protocol.CheckPIN(entered, o.Salt), o.Check) == 1 {
		t.s.Tries, t.s.Closed = 0, 0
		return t.signOn(t.s.Asked)
	}
	t.s.Tries++
	if t.s.Tries >= freeTries {
		pause := min(onePause<<min(t.s.Tries-freeTries, 10), longPause)
		t.s.Closed = t.now.Add(pause).UnixMilli()
	}
	return t.nothing(code{}, "wrong PIN of "+t.s.Asked, phrase.WrongPIN)
}

// station begins a step.
func (t *turn) station(w protocol.Workstation) Verdict {
	o := t.b.operators[t.s.Badge]
	if len(o.Steps) > 0 && !slices.Contains(o.Steps, w.Step) || actOf(w.Step) == nil {
		return t.nothing(code{value: w.Code, scan: w.Code}, "not a step of this person", phrase.StepNotYours)
	}
	if open, busy := t.unfinished(); busy {
		return t.nothing(code{value: w.Code, scan: w.Code}, "something is unfinished", open.Key, open.Args...)
	}
	t.leave()
	t.s.Step = w.Step
	if w.Step != protocol.StepPick { // there the place is the shelf
		t.s.Place = w.Code
	}
	t.s.Visit++
	t.s.Begun = t.s.Visit
	called := w.Name
	if called == "" {
		called = w.Code
	}
	return t.accept(phrase.StepBegun, called)
}

// unfinished says what has to be ended before another step begins, for it would be lost.
func (t *turn) unfinished() (phrase.Phrase, bool) {
	switch {
	case t.s.Inspected.Item != "":
		return phrase.New(phrase.FinishFirst, name(t.s.Inspected.Item)), true
	case t.s.Count.Place != "":
		return phrase.New(phrase.CloseFirst, t.s.Count.Place), true
	case len(t.s.Pending) > 0:
		return phrase.New(phrase.HandsFull, number(len(t.s.Pending))), true
	case t.busyWithBag():
		return phrase.New(phrase.CloseFirst, t.s.Bag.called()), true
	}
	return phrase.Phrase{}, false
}
