package alarm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Channels on which people are told.
const (
	Webhook = "webhook"
	Mail    = "mail"
)

// Recipient is somebody who is told of alarms that nobody acknowledges.
type Recipient struct {
	Channel  string // Webhook or Mail
	To       string // an address of the web or of mail
	Role     string // that the recipient stands for; empty for one who is told of all alarms
	Language string // "ja" or "en"
}

// Notice is what one recipient is told of one alarm at one stage.
type Notice struct {
	ID       string // the same for the same alarm, call, stage and recipient, whoever makes it
	AlarmID  string
	Revision int
	Stage    int
	Recipient
}

// Stages of escalation.
const (
	ToOwner    = 1 // after the kind's time
	ToEveryone = 2 // after three times as long
)

const everyoneAfter = 3

// Stage says to whom an alarm is escalated that has called for somebody since a time: 0 is nobody yet.
func Stage(k Kind, since, now time.Time) int {
	switch waited := now.Sub(since); {
	case k.Within == 0 || waited < k.Within:
		return 0
	case waited < everyoneAfter*k.Within:
		return ToOwner
	}
	return ToEveryone
}

// Escalates says whether somebody has to be told if nobody acknowledges: the alarm calls, and what it is about is so, or has to be
// looked at all the same. One that has come right by itself wakes nobody.
func (a Alarm) Escalates(s State) bool {
	return s == Unacknowledged || s == Returned && a.Latched && !a.Acknowledged.Set()
}

// Notices gives whom to tell of an alarm that has called for somebody since a time. The owner's recipients come first; when there
// is none for the role, whoever is there. At the last stage all are told, and each stage is told once.
func Notices(a Alarm, since, now time.Time, all []Recipient) []Notice {
	k := Of(a.Kind)
	stage := Stage(k, since, now)
	var told []Notice
	for s := ToOwner; s <= stage; s++ {
		for _, r := range recipients(k.Owner, s, all) {
			told = append(told, Notice{ID: noticeID(a.ID, since, s, r), AlarmID: a.ID, Revision: a.Revision, Stage: s, Recipient: r})
		}
	}
	return told
}

func recipients(owner string, stage int, all []Recipient) []Recipient {
	if stage == ToEveryone {
		return all
	}
	var own []Recipient
	role := false
	for _, r := range all {
		if r.Role == "" || r.Role == owner {
			own = append(own, r)
			role = role || r.Role == owner
		}
	}
	if !role { // a list without the owner must not be a reason for silence
		return all
	}
	return own
}

// noticeID says nothing of the recipient, for it stands in logs and on others' systems.
func noticeID(alarm string, since time.Time, stage int, r Recipient) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s\x00%s", alarm, since.UnixMilli(), stage, r.Channel, r.To))
	return "n-" + hex.EncodeToString(sum[:12])
}

// Tries of a notice: after the first ones it is due again after 5 s, 10 s, and so on up to ten minutes; about an hour in all.
const (
	MaxTries  = 12
	firstWait = 5 * time.Second
	maxWait   = 10 * time.Minute
)

// Retry says how long to wait after so many tries that have failed; ok is false when it is given up.
func Retry(tries int) (wait time.Duration, ok bool) {
	if tries >= MaxTries {
		return 0, false
	}
	return min(maxWait, firstWait<<min(max(tries-1, 0), 10)), true
}
