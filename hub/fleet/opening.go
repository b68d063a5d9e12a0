package fleet

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of opening a door from the hub.
const (
	OpeningTime   = 3 * time.Minute // after it was asked for, the number is good for nothing
	NumberDigits  = 6
	WrongNumbers  = 3         // that many wrong numbers end an opening
	OpeningsAsked = 10        // of one door in OpeningsIn: who could ask without end could guess
	OpeningsIn    = time.Hour // that many are bounded in
	OpenWithin    = time.Minute
	MaxNameAtDoor = 100 // characters
)

// Errors of an opening.
var (
	ErrWrongNumber    = errors.New("this is not the number that the door shows")
	ErrOpeningOver    = errors.New("this opening is over: ask for another one")
	ErrOpeningsMany   = errors.New("this door was asked for too often: try again in an hour")
	ErrShowsNoNumbers = errors.New("the device at this door cannot show a number: it is away, or its software is too old")
)

// OpeningState is how far the opening of a door from the hub has come.
type OpeningState string

// States of an opening. Confirmed: somebody is at the door, and the lock is told to open.
const (
	OpeningAsked     OpeningState = "asked"
	OpeningConfirmed OpeningState = "confirmed"
	OpeningRefused   OpeningState = "refused" // too many wrong numbers
	OpeningExpired   OpeningState = "expired" // out of time, or another one was asked for
)

// Opening is a dispatcher's wish to open a door. The door's display shows a number that nobody else sees; whoever can say it is there.
type Opening struct {
	ID          string
	Fridge      string
	Device      string
	Reason      string
	AskedBy     string // person
	AskedAt     time.Time
	Until       time.Time // exclusive
	Number      string    // empty once it has ended; on the door's display, and nowhere else
	Wrong       int
	State       OpeningState
	EndedAt     time.Time // zero while it is asked
	AtDoor      string    // name of who read the number out
	ShowCommand string
	OpenCommand string // empty until it is confirmed
}

// DrawNumber draws the number that a door shows.
func DrawNumber() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // never fails, crypto/rand
	return fmt.Sprintf("%0*d", NumberDigits, n)
}

// CheckNameAtDoor says what is wrong with the name of who is at a door.
func CheckNameAtDoor(name string) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(name)); n < 1 || n > MaxNameAtDoor {
		return fmt.Errorf("name of who is at the door: want 1 to %d characters", MaxNameAtDoor)
	}
	return nil
}

// End ends an opening.
func (o Opening) End(state OpeningState, now time.Time) Opening {
	o.State, o.EndedAt, o.Number = state, now, ""
	return o
}

// Settle ends an opening whose time is over.
func (o Opening) Settle(now time.Time) Opening {
	if o.State == OpeningAsked && !now.Before(o.Until) {
		return o.End(OpeningExpired, o.Until)
	}
	return o
}

// Confirm takes the number that somebody reads out at the door. What it gives is to be stored with an error, too: a wrong number
// counts. It is ErrWrongNumber or ErrOpeningOver.
func (o Opening) Confirm(number, atDoor string, now time.Time) (Opening, error) {
	o = o.Settle(now)
	if o.State != OpeningAsked {
		return o, ErrOpeningOver
	}
	number = strings.Map(func(r rune) rune { // as people read it out: in groups
		if r == ' ' || r == '-' || r == '　' {
			return -1
		}
		return r
	}, number)
	if subtle.ConstantTimeCompare([]byte(number), []byte(o.Number)) != 1 {
		if o.Wrong++; o.Wrong >= WrongNumbers {
			o = o.End(OpeningRefused, now)
		}
		return o, ErrWrongNumber
	}
	o.AtDoor = strings.TrimSpace(atDoor)
	return o.End(OpeningConfirmed, now), nil
}
