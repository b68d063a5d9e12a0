package payment_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/payment"
)

// job is a payment in a state with a task that was never tried.
func job(t *testing.T, s payment.State) *payment.Job {
	return &payment.Job{Bill: bill(t, s), Order: ordered(), Task: payment.Task{OrderID: "o-1", Round: 1}}
}

func intent(s payment.Status) payment.Answer {
	return payment.Answer{Intent: &payment.Intent{ID: "pi", Status: s, CapturedYen: 1500}}
}

func trouble(step payment.Step, k payment.Kind, code string) payment.Answer {
	return payment.Answer{Step: step, Problem: &payment.Problem{Kind: k, Code: code, Err: errors.New("x")}}
}

func TestTheUsualWay(t *testing.T) {
	j := job(t, payment.Opening)
	for _, s := range []struct {
		answer payment.Answer
		then   payment.Step
	}{
		{payment.Answer{}, payment.StepOpen}, {intent(payment.Unpaid), payment.StepAuthorise}, {intent(payment.Reserved), payment.StepConfirm},
		{payment.Answer{Step: payment.StepConfirm, OrderConfirmed: true}, payment.StepCapture}, {intent(payment.Taken), payment.StepNone},
	} {
		require.False(t, j.Done())
		step, call := j.Turn(s.answer, now)
		require.Equal(t, s.then, step)
		require.NotEmpty(t, s.then == payment.StepNone || call.Key != "")
	}
	require.True(t, j.Done())
	require.Equal(t, int64(1500), j.Payment.CapturedYen)
}

func TestAfterAnUnknownOutcomeItLooksBeforeItActs(t *testing.T) {
	for state, step := range map[payment.State]payment.Step{payment.Authorising: payment.StepAuthorise, payment.Capturing: payment.StepCapture,
		payment.Voiding: payment.StepVoid} {
		j := job(t, state)
		j.Payment.IntentID = "pi"
		j.Order.Holds = state != payment.Voiding
		first, call := j.Turn(payment.Answer{}, now)
		require.Equal(t, step, first)
		require.True(t, j.Task.Unsure, "it is stored before the call that a look is due")
		next, _ := j.Turn(trouble(step, payment.KindUnknown, "timeout"), now)
		require.Equal(t, payment.StepNone, next)
		require.Equal(t, now.Add(time.Second), j.Task.DueAt)
		next, _ = j.Turn(payment.Answer{}, now.Add(time.Second))
		require.Equal(t, payment.StepLook, next)
		before := map[payment.State]payment.Status{payment.Authorising: payment.Unpaid}[state]
		if before == "" {
			before = payment.Reserved
		}
		a := intent(before)
		a.Step = payment.StepLook
		next, again := j.Turn(a, now.Add(2*time.Second))
		require.Equal(t, step, next)
		require.NotEqual(t, call.Key, again.Key, "the provider may have kept a failure under the first key")
	}
}

func TestARefundKeepsItsKey(t *testing.T) {
	j := job(t, payment.Captured)
	r, _, err := j.AskRefund(payment.Ask{ID: "r-1"}, now)
	require.NoError(t, err)
	j.Task.RefundID = r.ID
	_, first := j.Turn(payment.Answer{}, now)
	_, _ = j.Turn(trouble(payment.StepRefund, payment.KindUnknown, "timeout"), now)
	step, _ := j.Turn(payment.Answer{}, now)
	require.Equal(t, payment.StepLook, step)
	step, second := j.Turn(payment.Answer{Step: payment.StepLook, Intent: &payment.Intent{ID: "pi", Status: payment.Taken, CapturedYen: 1500}}, now)
	require.Equal(t, payment.StepRefund, step)
	require.Equal(t, first.Key, second.Key)
	_, _ = j.Turn(payment.Answer{Step: payment.StepRefund, Refund: &payment.IntentRefund{ID: "re", AmountYen: 1500, Status: payment.RefundDone}}, now)
	require.True(t, j.Done())
	require.Equal(t, "refunded", j.Payment.Shown())
}

func TestALateSuccessIsVoidedAndOneThatWasTakenGoesBack(t *testing.T) {
	j := job(t, payment.Authorising)
	j.Order.Held, j.Order.Holds = false, false // the hold expired
	step, _ := j.Turn(intent(payment.Reserved), now)
	require.Equal(t, payment.StepVoid, step)
	step, _ = j.Turn(intent(payment.Closed), now)
	require.Equal(t, payment.StepNone, step)
	require.Equal(t, payment.Voided, j.Payment.State)

	j = job(t, payment.Capturing)
	j.Order.Holds, j.Order.Units = false, nil
	require.True(t, j.Owed(now))
	step, _ = j.Turn(intent(payment.Taken), now) // it was on its way
	require.Equal(t, payment.StepNone, step)
	require.Equal(t, payment.Captured, j.Payment.State)
	require.Equal(t, int64(1500), j.Refunds[0].AmountYen)
}

func TestADeclinedOrderIsCancelledBeforeItsIntentIsClosed(t *testing.T) {
	j := job(t, payment.Authorising)
	step, call := j.Turn(trouble(payment.StepAuthorise, payment.KindDeclined, "insufficient_funds"), now)
	require.Equal(t, payment.StepCancelOrder, step)
	require.Equal(t, payment.CauseDeclined, call.Cause)
	j.Order.Holds = false
	step, _ = j.Turn(payment.Answer{Step: payment.StepCancelOrder, OrderGone: true}, now)
	require.Equal(t, payment.StepVoid, step, "an earlier call may still be on its way")
	_, _ = j.Turn(intent(payment.Closed), now)
	require.Equal(t, payment.Declined, j.Payment.State)
	require.Equal(t, "insufficient_funds", j.Payment.Code)
}

func TestAnOrderThatStandsAndCannotBeChargedIsForAPerson(t *testing.T) {
	j := job(t, payment.Capturing)
	j.Order.Held = false
	step, _ := j.Turn(intent(payment.Closed), now)
	require.Equal(t, payment.StepCancelOrder, step)
	step, _ = j.Turn(payment.Answer{Step: payment.StepCancelOrder, OrderStays: true}, now)
	require.Equal(t, payment.StepVoid, step)
	require.Equal(t, payment.WorkUncollected, j.Work.Kind)
	_, _ = j.Turn(intent(payment.Closed), now)
	require.Equal(t, payment.Uncollected, j.Payment.State)
}

func TestAnOldAnswerMovesNothingBack(t *testing.T) {
	for _, s := range []payment.State{payment.Authorised, payment.Capturing, payment.Captured, payment.Voided, payment.Declined} {
		j := job(t, s)
		j.Payment.IntentID = "pi"
		before := j.Payment
		_, _ = j.Turn(intent(payment.Unpaid), now)
		require.Equal(t, before.State, j.Payment.State)
		require.Equal(t, before.CapturedYen, j.Payment.CapturedYen)
	}
}

func TestWhatTheProviderSaysOtherwiseIsForAPerson(t *testing.T) {
	j := job(t, payment.Voided)
	j.Task.Unsure = true // an event made it due
	step, _ := j.Turn(payment.Answer{}, now)
	require.Equal(t, payment.StepLook, step)
	a := intent(payment.Taken)
	a.Step = payment.StepLook
	_, _ = j.Turn(a, now)
	require.Equal(t, payment.WorkMismatch, j.Work.Kind)
	require.True(t, j.Done())

	j = job(t, payment.Captured)
	j.Task.Unsure = true
	a.Intent.Refunds = []payment.IntentRefund{{ID: "re-9", AmountYen: 500, Status: payment.RefundDone}}
	_, _ = j.Turn(a, now)
	require.Nil(t, j.Work)
	require.Equal(t, int64(500), j.Payment.RefundedYen, "somebody refunded it there: it is taken over")
	_, _ = j.Turn(a, now)
	require.Equal(t, int64(500), j.Payment.RefundedYen, "once")
}

func TestPausesAreBounded(t *testing.T) {
	require.Equal(t, time.Second, payment.Pause(0))
	require.Equal(t, 4*time.Second, payment.Pause(3))
	for tries := range int64(100) {
		require.LessOrEqual(t, payment.Pause(tries), 30*time.Second)
	}
}

func TestACaptureThatIsRefusedForEverIsGivenUp(t *testing.T) {
	j := job(t, payment.Capturing)
	j.Order.Held = false
	for n := range 100 {
		step, _ := j.Turn(payment.Answer{}, now)
		if step == payment.StepCancelOrder {
			require.Greater(t, n, 10)
			return
		}
		if step == payment.StepLook {
			a := intent(payment.Reserved)
			a.Step = payment.StepLook
			step, _ = j.Turn(a, now)
		}
		require.Equal(t, payment.StepCapture, step)
		step, _ = j.Turn(trouble(payment.StepCapture, payment.KindRefused, "amount_too_large"), now)
		if step == payment.StepCancelOrder {
			return
		}
	}
	t.Fatal("it is tried for ever")
}
