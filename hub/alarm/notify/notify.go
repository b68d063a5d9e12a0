// Package notify tells people of alarms that nobody acknowledges: it makes the notices that the rules of package alarm ask for,
// durable and once for each recipient and stage, and sends them by webhook and mail. Nothing is sent inside a transaction.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// Config is whom to tell, and how.
type Config struct {
	Recipients []alarm.Recipient
	Hook       Hook
	Mail       Post
	URL        string // where people reach the hub, for the link to an alarm; empty for none
	Zone       *time.Location

	Store   *store.Store
	Clock   clock.Clock      // of the business: how long an alarm has waited
	Now     func() time.Time // nil is the clock's
	RealNow func() time.Time // the machine's, for tries and claims; nil is time.Now
	Logger  *slog.Logger
	Changed func() // after something was told; nil for nobody
}

// Teller makes notices and sends them.
type Teller struct{ Config }

// New makes a teller. It is an error when a recipient's channel is not configured.
func New(c Config) (*Teller, error) {
	if c.Now == nil {
		c.Now = c.Clock.Now
	}
	if c.RealNow == nil {
		c.RealNow = time.Now
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	return &Teller{c}, CheckRecipients(c.Recipients, c.Hook, c.Mail)
}

const (
	every       = 5 * time.Second        // on the hub's clock
	leastTick   = 100 * time.Millisecond // on the machine's own, when the hub's is fast
	maxCalling  = 1000
	maxSending  = 50
	together    = 4
	sendTimeout = 20 * time.Second
	claimFor    = time.Minute // longer than a sending takes: a hub that dies meanwhile leaves it to another one
)

// Run tells people until ctx ends.
func (t *Teller) Run(ctx context.Context) error {
	tick := time.NewTicker(max(t.Clock.Real(every), leastTick))
	defer tick.Stop()
	for {
		if err := t.Turn(ctx); err != nil && ctx.Err() == nil {
			t.Logger.Error("people could not be told of alarms, and it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Turn makes the notices that are due and sends those that wait.
func (t *Teller) Turn(ctx context.Context) error {
	return errors.Join(t.call(ctx, t.Now()), t.send(ctx))
}

// call notes which alarms call for somebody and makes their notices. It looks first: nearly always nothing has changed.
func (t *Teller) call(ctx context.Context, now time.Time) error {
	var due bool
	look := func(tx *store.Tx, do bool) error {
		for skip := 0; ; skip += maxCalling {
			all, err := tx.Callings(ctx, now, skip, maxCalling)
			if err != nil || len(all) == 0 {
				return err
			}
			for _, c := range all {
				changed, err := t.callOne(ctx, tx, c, now, do)
				if err != nil {
					return err
				}
				due = due || changed
			}
		}
	}
	err := t.Store.Read(ctx, func(tx *store.Tx) error { return look(tx, false) })
	if err != nil || !due {
		return err
	}
	return t.Store.Change(ctx, func(tx *store.Tx) error { return look(tx, true) })
}

// callOne brings the calls and notices of one alarm up to date, or only says whether that is due.
func (t *Teller) callOne(ctx context.Context, tx *store.Tx, c store.Calling, now time.Time, do bool) (due bool, err error) {
	calls := c.Escalates(c.State)
	switch {
	case !calls && c.Since.IsZero():
		return false, nil
	case !calls:
		if do {
			err = errors.Join(tx.SetCalling(ctx, c.ID, time.Time{}), tx.DropNotices(ctx, c.ID, t.RealNow()))
		}
		return true, err
	case c.Since.IsZero():
		if do {
			err = tx.SetCalling(ctx, c.ID, now)
		}
		return true, err
	}
	wanted := alarm.Notices(c.Alarm, c.Since, now, t.Recipients)
	if len(wanted) == 0 {
		return false, nil
	}
	has, err := tx.NoticesOf(ctx, c.ID, store.MaxPage)
	known := map[string]bool{}
	for _, n := range has {
		known[n.ID] = true
	}
	for _, n := range wanted {
		if err == nil && !known[n.ID] {
			due = true
			if do {
				err = tx.AddAlarmNotice(ctx, n, t.RealNow())
			}
		}
	}
	return due, err
}

// send sends what is due, a few at a time.
func (t *Teller) send(ctx context.Context) error {
	var due []store.AlarmNoticeView
	err := t.Store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.DueNotices(ctx, t.RealNow(), maxSending)
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, together)
	failed := make([]error, len(due))
	for i, n := range due {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			failed[i] = t.sendOne(ctx, n)
		})
	}
	all.Wait()
	t.Changed()
	return errors.Join(failed...)
}

// sendOne claims a notice, sends it, and keeps what came of it. A hub that dies in between sends it again later, with the same id.
func (t *Teller) sendOne(ctx context.Context, n store.AlarmNoticeView) error {
	now := t.RealNow()
	var mine bool
	var m Message
	err := t.Store.Change(ctx, func(tx *store.Tx) (err error) {
		if mine, err = tx.ClaimNotice(ctx, n.ID, now, now.Add(claimFor)); err != nil || !mine {
			return err
		}
		m, err = t.message(ctx, tx, n.Notice)
		return err
	})
	if err != nil || !mine {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, sendTimeout)
	sent := t.deliver(bounded, m)
	cancel()
	n.Tries++
	return t.Store.Change(context.WithoutCancel(ctx), func(tx *store.Tx) error { return t.settle(ctx, tx, n, sent) })
}

func (t *Teller) settle(ctx context.Context, tx *store.Tx, n store.AlarmNoticeView, sent error) error {
	ctx = context.WithoutCancel(ctx)
	if sent == nil {
		t.Logger.Info("told of an alarm", "alarm", n.AlarmID, "notice", n.ID, "by", n.Channel, "stage", n.Stage)
		return tx.SettleNotice(ctx, n.ID, "sent", "", t.RealNow())
	}
	problem := short(sent)
	wait, again := alarm.Retry(n.Tries)
	if !again || errors.Is(sent, errForGood) {
		t.Logger.Error("somebody could not be told of an alarm, and it is given up", "alarm", n.AlarmID, "notice", n.ID, "by", n.Channel, "error", problem)
		return tx.SettleNotice(ctx, n.ID, "failed", problem, t.RealNow())
	}
	t.Logger.Warn("somebody could not be told of an alarm yet", "alarm", n.AlarmID, "notice", n.ID, "by", n.Channel, "again", wait, "error", problem)
	return tx.PutOffNotice(ctx, n.ID, problem, t.RealNow().Add(wait))
}

// errForGood is wrapped by what is refused for good.
var errForGood = errors.New("refused for good")

const maxProblem = 300

// short is an error as it is kept: what others' systems answer may be long.
func short(err error) string {
	text := []rune(err.Error())
	return string(text[:min(len(text), maxProblem)])
}

func (t *Teller) deliver(ctx context.Context, m Message) error {
	if m.Channel == alarm.Mail {
		return t.Mail.Send(ctx, m)
	}
	return t.Hook.Send(ctx, m)
}

// Test sends a test to every recipient and says for each what came of it.
func (t *Teller) Test(ctx context.Context, now time.Time, told func(alarm.Recipient, error)) error {
	var all error
	for i, r := range t.Recipients {
		a, _ := alarm.New(fmt.Sprintf("test/%d", now.UnixMilli()), "test", "hub", "", now)
		m := Message{Notice: alarm.Notice{ID: fmt.Sprintf("n-test-%d-%d", now.UnixMilli(), i), AlarmID: a.ID, Revision: 1, Stage: 1, Recipient: r},
			Line: store.AlarmLine{Alarm: a, About: testKind, State: alarm.Unacknowledged, Place: "hub"}, PlaceName: "hub", URL: t.URL, Zone: t.Zone}
		bounded, cancel := context.WithTimeout(ctx, sendTimeout)
		err := t.deliver(bounded, m)
		cancel()
		told(r, err)
		all = errors.Join(all, err)
	}
	return all
}

var testKind = alarm.Kind{Name: "test", Priority: alarm.Low, Owner: alarm.Admin,
	Title:       alarm.Text{EN: "Test: alarms reach you", JA: "テスト：警報が届きます"},
	Consequence: alarm.Text{EN: "None: nothing is wrong.", JA: "ありません。異常は起きていません。"},
	Action:      alarm.Text{EN: "Nothing is to be done.", JA: "対応は不要です。"}}
