package payment

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Step is the next thing to be done about a payment or a refund.
type Step string

// Steps. Those that ask the provider are named as its methods are.
const (
	StepNone        Step = ""
	StepOpen        Step = "open"
	StepAuthorise   Step = "authorise"
	StepConfirm     Step = "confirm" // the order, by its owner
	StepCapture     Step = "capture"
	StepVoid        Step = "void"
	StepRefund      Step = "refund"
	StepLook        Step = "look_up"
	StepCancelOrder Step = "cancel_order" // by its owner
)

// asksProvider says whether the step is a call whose outcome may stay unknown.
func (s Step) asksProvider() bool {
	switch s {
	case StepOpen, StepAuthorise, StepCapture, StepVoid, StepRefund:
		return true
	}
	return false
}

// Task is a line of the outbox: something about a payment, or one of its refunds, is pending. No task, nothing pending.
type Task struct {
	OrderID  string
	RefundID string // empty for the payment itself
	DueAt    time.Time
	Tries    int64 // since the state was entered; for the pause
	Round    int64 // part of the idempotency key; raised when a look-up showed that the call had not been done
	// Unsure says that a call was begun whose outcome is not known: look before acting again. It is stored before the call, so that
	// a hub that dies in the middle looks when it is back.
	Unsure  bool
	Since   time.Time // since when this state is pending
	Problem string    // what went wrong last; empty while nothing did
}

// Order is an order as its payment sees it.
type Order struct {
	ID    string
	Held  bool // takes capacity and is not confirmed yet
	Holds bool // takes capacity: held, accepted, ready, picked up and so on
	// Reason why it ended.
	Reason string
	Lines  []Line           // as asked for
	Units  map[string]int64 // by product: what it still has
}

// Pauses between tries: whatever the provider answers, it is known within a minute.
const (
	firstPause = time.Second
	longPause  = 30 * time.Second
	// maxRefused bounds how often a provider may refuse to take what it has reserved, before it counts as lost: about ten minutes.
	maxRefused = 20
	// sameOpen is how often an intent is asked for under one key. A provider that has kept a failure under it says so for ever; a
	// second intent is harmless, since nothing is reserved by it.
	sameOpen = 3
)

// Pause is how long to wait after so many tries.
func Pause(tries int64) time.Duration {
	return min(firstPause<<min(max(tries-1, 0), 10), longPause)
}

// Answer is what came of a step. Besides the step one of the fields is set; nothing at all after a start.
type Answer struct {
	Step    Step
	Intent  *Intent
	Refund  *IntentRefund
	Problem *Problem

	OrderConfirmed bool  // now or before
	OrderGone      bool  // it holds no capacity any more, and cannot be confirmed
	OrderStays     bool  // it can neither be cancelled nor does it end
	Failed         error // our own side failed; try again later
}

// Job is a task with all that deciding on it takes. It is read and stored in one transaction.
type Job struct {
	Bill
	Order Order
	Task  Task
	// Work is for a person, when the job has come to where only one can help.
	Work *Work
}

// Work is something that a person has to decide.
type Work struct{ Kind, Detail string }

// Kinds of work.
const (
	WorkUncollected  = "payment_uncollected" // the order stands and is not paid
	WorkRefundFailed = "refund_failed"
	WorkMismatch     = "payment_mismatch" // the provider says otherwise than we do
	WorkStray        = "payment_stray"    // the provider tells of a payment of ours that we do not know
)

// Turn takes the answer to the last step and gives the next, with the call if it is one of the provider's. The task
// is stored before the step is done, so that a hub that dies meanwhile knows. When the step is StepNone, nothing is due before Task.DueAt; when Done says so, nothing at all.
func (j *Job) Turn(a Answer, now time.Time) (Step, Call) {
	if j.Task.RefundID != "" {
		return j.turnRefund(a, now)
	}
	before := j.Payment.State
	late := j.hear(a, now)
	if j.Payment.State != before {
		j.enter(now, before)
		late = false
	}
	if late {
		j.Task.DueAt = now.Add(Pause(j.Task.Tries))
		return StepNone, Call{}
	}
	return j.begin(j.next(now), now)
}

// Done says whether the task has come to its end.
func (j *Job) Done() bool {
	if j.Task.RefundID != "" {
		r := j.refund()
		return r == nil || r.State != Waiting && r.State != Refunding
	}
	return j.Payment.State.Settled() && !j.Task.Unsure
}

// Owed is OwedBack for whoever ends or changes the order. The task is due then.
func (j *Job) Owed(now time.Time) (changed bool) {
	before := j.Payment.State
	changed = j.OwedBack(j.Order, now)
	if j.Payment.State != before {
		j.enter(now, before)
		j.Task.DueAt = now
	}
	return changed
}

// enter starts counting anew in a new state.
func (j *Job) enter(now time.Time, from State) {
	// Whether the provider knows of a payment that is given up while it was opened stays as unsure as it was.
	unsure := j.Task.Unsure && from == Opening && j.Payment.State == Voiding
	j.Task.Tries, j.Task.Round, j.Task.Since, j.Task.Problem, j.Task.Unsure = 0, 1, now, "", unsure
	if j.Payment.State == Captured {
		j.OwedBack(j.Order, now) // of an order that ended while its money was being taken
	}
}

// begin notes that a step is being done.
func (j *Job) begin(s Step, now time.Time) (Step, Call) {
	j.Task.DueAt = now
	if s == StepNone {
		return s, Call{}
	}
	p := &j.Payment
	key := fmt.Sprintf("%s.%s.%d", p.Reference, s, j.Task.Round)
	j.Task.Tries++
	j.Task.Unsure = j.Task.Unsure || s.asksProvider()
	return s, Call{Key: key, OrderID: p.OrderID, Reference: p.Reference, IntentID: p.IntentID, AmountYen: p.AmountYen, Method: p.Method, Cause: p.Cause}
}

// next is what the state asks for.
func (j *Job) next(now time.Time) Step {
	p := &j.Payment
	switch p.State {
	case Opening, Authorising, Authorised:
		if !j.Order.Holds { // it expired or was cancelled meanwhile: reserve nothing for it any more
			before := p.State
			_ = p.GiveUp(CauseEnded, "", now)
			j.enter(now, before)
			return j.next(now)
		}
	}
	switch p.State {
	case Opening:
		return StepOpen // again with the same key, if it is not known whether it was done: it moves no money
	case Authorised:
		return StepConfirm
	case Authorising:
		return j.lookOr(StepAuthorise)
	case Capturing:
		return j.lookOr(StepCapture)
	case Voiding:
		return j.nextVoiding(now)
	}
	if j.Task.Unsure {
		return StepLook
	}
	return StepNone
}

func (j *Job) lookOr(s Step) Step {
	if j.Task.Unsure {
		return StepLook
	}
	return s
}

func (j *Job) nextVoiding(now time.Time) Step {
	p := &j.Payment
	switch {
	case p.Cause.endsOrder() && j.Order.Holds:
		return StepCancelOrder // first, so that its place is free for others
	case p.IntentID == "" && j.Task.Unsure:
		return StepOpen // to learn what to close
	case p.IntentID == "":
		_ = p.Close(now) // the provider has never heard of it
		return StepNone
	}
	return j.lookOr(StepVoid)
}

// hear takes an answer. It says whether the next step is better done later.
func (j *Job) hear(a Answer, now time.Time) (late bool) {
	p := &j.Payment
	switch {
	case a.Intent != nil:
		return j.hearIntent(a.Step, *a.Intent, now)
	case a.Problem != nil:
		return j.hearProblem(a.Step, *a.Problem, now)
	case a.Failed != nil:
		j.Task.Problem = clipText(a.Failed.Error())
		return true
	case a.OrderConfirmed:
		_ = p.Confirm(now) // it may have been given up meanwhile; then it is closed
	case a.OrderGone:
		_ = p.GiveUp(CauseEnded, "", now)
	case a.OrderStays && p.Strand() == nil:
		j.Work = &Work{WorkUncollected, fmt.Sprintf("%d yen could not be taken (%s %s) and the order stands: collect the money or take the order off",
			p.AmountYen, p.Cause, p.Code)}
	}
	return false
}

// hearIntent takes the provider's truth. A payment never moves back by it: an old answer, or one that overtook another, finds
// nothing to move.
func (j *Job) hearIntent(answered Step, i Intent, now time.Time) (late bool) {
	p := &j.Payment
	_ = p.Open(i.ID, now) // in any other state than Opening the id is known
	before := p.State
	switch i.Status {
	case Reserved:
		_ = p.Authorise(now)
	case Taken:
		j.hearTaken(i, now)
	case Closed:
		if p.Close(now) != nil {
			_ = p.GiveUp(CauseLost, i.Code, now)
		}
	case Unpaid:
		if i.Code != "" && p.State == Authorising {
			_ = p.GiveUp(CauseDeclined, i.Code, now)
		}
	case Working:
		return p.State == before // still unsure
	}
	if p.State.Settled() {
		j.compare(i, now)
	}
	if p.State == before && j.Task.Unsure { // what was asked is known not to have been done
		j.Task.Unsure = false
		j.Task.Round++
		return answered != StepLook && answered != StepOpen
	}
	return false
}

// hearTaken takes that money was taken, whether we had asked for it or somebody did it at the provider.
func (j *Job) hearTaken(i Intent, now time.Time) {
	p := &j.Payment
	if p.State == Authorising {
		_ = p.Authorise(now)
	}
	if p.State != Capturing && p.State != Voiding {
		return
	}
	if err := p.Capture(i.CapturedYen, now); err != nil {
		j.Task.Problem = clipText(err.Error())
	}
}

// compare holds a settled payment against the provider's word. What somebody else refunded there is taken over.
func (j *Job) compare(i Intent, now time.Time) {
	p := &j.Payment
	for _, r := range i.Refunds {
		id := "provider/" + r.ID
		known := r.Reference == p.Reference || slices.ContainsFunc(j.Refunds, func(of Refund) bool { return of.ID == id })
		if known || r.Status != RefundDone || p.RefundedYen+r.AmountYen > p.CapturedYen {
			continue
		}
		p.RefundedYen += r.AmountYen
		j.Refunds = append(j.Refunds, Refund{OrderID: p.OrderID, ID: id, State: Refunded, AmountYen: r.AmountYen,
			Reason: "made at the provider", AskedBy: Nobody, AskedAt: now, DoneAt: now, ProviderID: r.ID})
	}
	agrees := map[State]bool{Captured: i.Status == Taken && i.CapturedYen == p.CapturedYen, Voided: i.Status == Closed,
		Declined: i.Status == Closed, Uncollected: i.Status != Taken}[p.State]
	if !agrees {
		j.Work = &Work{WorkMismatch, fmt.Sprintf("the provider says %s, %d yen taken; here it is %s, %d yen taken", i.Status, i.CapturedYen,
			p.State, p.CapturedYen)}
	}
}

// hearProblem takes that a call did not succeed.
func (j *Job) hearProblem(answered Step, problem Problem, now time.Time) (late bool) {
	p := &j.Payment
	j.Task.Problem = clipText(problem.Error())
	if answered == StepLook {
		return true // nothing was learnt
	}
	no := problem.Kind == KindDeclined || problem.Kind == KindRefused
	switch {
	case no && answered == StepOpen, no && answered == StepAuthorise && problem.Code != CodeState:
		_ = p.GiveUp(CauseDeclined, problem.Code, now)
		j.Task.Unsure = false // the same key would have told of an intent that was made before
		return false
	case no: // look how it stands: perhaps it was done before, or the opposite was
		if p.State == Capturing && j.Task.Tries > maxRefused {
			_ = p.GiveUp(CauseLost, problem.Code, now)
		}
		return j.Task.Tries > 1
	case problem.Kind == KindRetry && answered != StepOpen:
		j.Task.Unsure = false // it was not done; of calls before it a look had told
	case answered == StepOpen && j.Task.Tries%sameOpen == 0:
		j.Task.Round++
	}
	return true
}

// CodeState is the code of a refusal that is due to how the intent stands: it is in another state than the call wants.
const CodeState = "intent_state"

// turnRefund is Turn for a refund.
func (j *Job) turnRefund(a Answer, now time.Time) (Step, Call) {
	r := j.refund()
	if r == nil {
		return StepNone, Call{}
	}
	late := j.hearRefund(r, a, now)
	switch {
	case r.State == Waiting && (j.Payment.State == Voided || j.Payment.State == Declined):
		r.State = Dropped
	case r.State == Waiting && j.Payment.State == Captured && j.CodeMayOpen:
		j.Task.Problem, j.Task.DueAt = WaitsForCode, now.Add(longPause)
		return StepNone, Call{}
	case r.State == Waiting && j.Payment.State == Captured:
		r.State, j.Task.Problem = Refunding, ""
	}
	if r.State != Refunding || late {
		j.Task.DueAt = now.Add(Pause(j.Task.Tries))
		return StepNone, Call{}
	}
	step, call := j.begin(j.lookOr(StepRefund), now)
	// One key for ever: unlike the other calls this one moves money again when it is done twice.
	call.Key = fmt.Sprintf("%s.refund.%s", j.Payment.Reference, r.ID)
	call.AmountYen, call.RefundID = r.AmountYen, r.ID
	return step, call
}

// WaitsForCode is the problem of a refund that waits for Bill.CodeMayOpen to end.
const WaitsForCode = "the order's code may still open a door, or has"

func (j *Job) refund() *Refund {
	at := slices.IndexFunc(j.Refunds, func(r Refund) bool { return r.ID == j.Task.RefundID })
	if at < 0 {
		return nil
	}
	return &j.Refunds[at]
}

func (j *Job) hearRefund(r *Refund, a Answer, now time.Time) (late bool) {
	switch {
	case a.Refund != nil:
		return j.settleRefund(r, *a.Refund, now)
	case a.Intent != nil:
		for _, of := range a.Intent.Refunds {
			if of.Reference == j.Payment.Reference && of.RefundID == r.ID {
				return j.settleRefund(r, of, now)
			}
		}
		j.Task.Unsure = false // the provider does not know of it
		return false
	case a.Failed != nil:
		j.Task.Problem = clipText(a.Failed.Error())
		return true
	case a.Problem == nil:
		return false
	}
	j.Task.Problem = clipText(a.Problem.Error())
	switch k := a.Problem.Kind; {
	case a.Step == StepLook:
	case k == KindDeclined, k == KindRefused:
		j.failRefund(r, a.Problem.Code, now)
	case k == KindRetry:
		j.Task.Unsure = false
	}
	return true
}

// settleRefund takes the provider's word. One that is done stays done.
func (j *Job) settleRefund(r *Refund, of IntentRefund, now time.Time) (late bool) {
	r.ProviderID = of.ID
	switch {
	case r.State != Refunding:
	case of.Status == RefundFailed:
		j.failRefund(r, of.Code, now)
	case of.Status == RefundDone:
		r.State, r.DoneAt = Refunded, now
		j.Payment.RefundedYen += r.AmountYen
	default:
		return true
	}
	return false
}

func (j *Job) failRefund(r *Refund, code string, now time.Time) {
	r.State, r.Code, r.DoneAt = Failed, code, now
	j.Work = &Work{WorkRefundFailed, fmt.Sprintf("%d yen (%s) could not be refunded: %s", r.AmountYen, r.ID, code)}
}

// AsProblem is an error of a provider; what it did not classify is unknown, the careful reading.
func AsProblem(err error) *Problem {
	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{Kind: KindUnknown, Code: "unknown", Err: err}
	}
	return p
}

func clipText(s string) string { return s[:min(len(s), maxText)] }
