// Package people holds who may do what on the hub: persons with a role, one-time links that let them in, sessions, and the
// table of rights. It keeps no secret: of a link and of a session only the hash is stored.
package people

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role says what a person is here for, and with that what they may do.
type Role string

// Roles.
const (
	Admin      Role = "admin"      // looks after persons and the hub itself
	Dispatcher Role = "dispatcher" // runs, orders, doors
	Quality    Role = "quality"    // temperatures
	Warehouse  Role = "warehouse"  // garments and containers
	Driver     Role = "driver"     // their own route
	Shop       Role = "shop"       // their own packing lists
	Kitting    Role = "kitting"    // devices
	Support    Role = "support"    // customers' questions
	Customer   Role = "customer"   // their own orders
	System     Role = "system"     // another program
)

// Roles lists all roles in the order in which pages show them.
func Roles() []Role {
	return []Role{Admin, Dispatcher, Quality, Warehouse, Driver, Shop, Kitting, Support, Customer, System}
}

// NeedsSecond says whether a person of the role logs in with two factors: what these do, goods, doors and other people depend on.
func (r Role) NeedsSecond() bool { return r == Admin || r == Dispatcher || r == Quality }

// Person is somebody, or some program, that may log in.
type Person struct {
	ID      string
	Name    string
	Role    Role
	Place   string    // what is their own (Role.Own); empty for all
	Added   time.Time // when, and
	AddedBy string    // by which person; Console from the command line
	Removed time.Time // zero while they may log in
	// Business is where they have the role: one of those in which they have one, if there are several.
	Business string
}

// Console stands for whoever has the data directory and runs the hub's commands there.
const Console = "console"

// Active says whether the person may log in.
func (p Person) Active() bool { return p.Removed.IsZero() }

const (
	maxName  = 80
	maxPlace = 90
)

// check says what is wrong with a person, as a *FieldError.
func (p Person) check() error {
	name := strings.TrimSpace(p.Name)
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name):
		return &FieldError{"name", fmt.Sprintf("1 to %d characters", maxName)}
	case strings.ContainsFunc(name, unicode.IsControl):
		return &FieldError{"name", "no control characters"}
	case !slices.Contains(Roles(), p.Role):
		return &FieldError{"role", "one of " + roleList()}
	case p.Role.Own().Must && p.Place == "":
		return &FieldError{"place", p.Role.Own().Want}
	case p.Role.Own().Kind == "" && p.Place != "":
		return &FieldError{"place", fmt.Sprintf("nothing: the role %s is for the whole business, and has no place of its own", p.Role)}
	case len(p.Place) > maxPlace || strings.ContainsFunc(p.Place, unicode.IsControl) || !utf8.ValidString(p.Place):
		return &FieldError{"place", fmt.Sprintf("at most %d bytes, no control characters", maxPlace)}
	}
	return nil
}

// CheckRole says what is wrong with a role and the place that goes with it, as a *FieldError.
func CheckRole(role Role, place string) error {
	return Person{Name: "any", Role: role, Place: place}.check()
}

func roleList() string {
	var names []string
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// FieldError names a field that was given wrongly and what was expected of it.
type FieldError struct {
	Field string
	Want  string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: want %s", e.Field, e.Want) }

// What is expected to go wrong.
var (
	// ErrNoPerson is returned for an id that belongs to nobody, or to a person who was removed.
	ErrNoPerson = errors.New("no such person")
	// ErrLink is returned for a login code that was never made, was used, or is too old. It does not say which.
	ErrLink = errors.New("this login link is not valid: it may have been used already, or be too old; ask for a new one")
	// ErrNoSession is returned for a token without a living session.
	ErrNoSession = errors.New("not logged in, or logged in too long ago")
	// ErrLastAdmin is returned when the last administrator would be removed, or be one no longer.
	ErrLastAdmin = errors.New("the last administrator cannot be removed")
	// ErrPassword is returned for a login name and a password that do not belong together. It does not say whether there is such a name.
	ErrPassword = errors.New("login name or password are not right")
	// ErrCode is returned for a code of an authenticator, or a recovery code, that is wrong or was used.
	ErrCode = errors.New("this code is not valid, or was used already")
	// ErrNoTOTP is returned where an authenticator is needed and none is enrolled.
	ErrNoTOTP = errors.New("no authenticator is enrolled")
	// ErrSecond is returned where a session still owes the second factor.
	ErrSecond = errors.New("the second factor is missing: give a code of your authenticator, or enrol one")
	// ErrConfirm is returned for what a person has to answer for, when they have not shown just now that it is they.
	ErrConfirm = errors.New("confirm first that it is you, with your password, authenticator or passkey")
	// ErrOldLink is returned where a person who has nothing to show yet sets the first of it in a session by a link that began longer
	// than EnrolFor ago.
	ErrOldLink = errors.New("you have nothing to show yet that it is you, and came by a link too long ago: ask for a new link")
	// ErrLoginTaken is returned for a login name that somebody else has.
	ErrLoginTaken = errors.New("somebody else has this login name")
	// ErrNoAccount is returned by a store for a person, or a login name, without a password.
	ErrNoAccount = errors.New("no such account")
	// ErrBusy is returned when too many log in at once.
	ErrBusy = errors.New("too many log in at once")
	// ErrPasskey is returned for a passkey that is nobody's here, and for an answer of one that is wrong, too old, or was given before.
	ErrPasskey = errors.New("this passkey was not taken: it is not known here, or its answer is too old or was used already")
	// ErrPasskeyCopied is returned for a passkey that has counted fewer signatures than it had before: there are two of it.
	ErrPasskeyCopied = errors.New("this passkey was refused: it has counted fewer uses than are known here, as a copy would")
	// ErrNoPasskeys is returned by a hub that takes no passkeys.
	ErrNoPasskeys = errors.New("no passkeys are taken here: whoever runs the hub says by --public-address where people reach it")
	// ErrLastMeans is returned when a person would take away the last that they have to show that it is they.
	ErrLastMeans = errors.New("this is the last that lets you in: set a password or add another passkey first")
	// ErrGroup is returned for somebody whom the company's login lets in, but none of whose groups has a role here.
	ErrGroup = errors.New("none of your groups has a role here: ask whoever looks after the groups")
	// ErrByCompany is returned for a way in of this hub that somebody tries who comes by a company's login.
	ErrByCompany = errors.New("you come by your company's login, and by that only: sign in there")
	// ErrCompany is returned for somebody whom the company's login does not let in, or whose answer of it is not right.
	ErrCompany = errors.New("the company's login did not let you in")
	// ErrCompanyDown is returned while the company's login cannot be reached.
	ErrCompanyDown = errors.New("the company's login does not answer: try again, or sign in another way")
	// ErrState is returned for an answer of the company's login that this browser did not ask for, asked for too long ago, or gave before.
	ErrState = errors.New("this sign-in did not begin in this browser, began too long ago, or was ended already: begin again")
	// ErrNoPasswords is returned by a hub, or a command, that takes no passwords.
	ErrNoPasswords = errors.New("no passwords are taken here")
)

// Link is a one-time login link as stored.
type Link struct {
	Hash    string // of its code
	Person  string
	Made    time.Time
	Expires time.Time
	Console bool // counts for both factors: made for that by whoever has the data directory
}

// Means is how a person showed that it is they.
type Means string

// Means.
const (
	ByConsole  Means = "console link" // a one-time link made on the machine of the hub
	ByLink     Means = "link"         // a one-time link made by an administrator
	ByPassword Means = "password"
	ByTOTP     Means = "totp"     // a code of an authenticator
	ByRecovery Means = "recovery" // a recovery code
	ByPasskey  Means = "passkey"
	ByCompany  Means = "company login" // a company's own login, by OpenID Connect
)

// Session is a login as stored.
type Session struct {
	Hash    string // of its token
	Person  string
	Made    time.Time
	Seen    time.Time // when it was last used, exact to seenStep
	Expires time.Time // whatever happens
	Ended   time.Time // signed out; zero while it lives
	By      Means     // how it began
	Whole   bool      // no second factor is owed
	// Confirmed is when the person last showed that it is they, and ConfirmedBy by what.
	Confirmed   time.Time
	ConfirmedBy Means
	Agent       string // what the browser calls itself
	Business    string // that it is in
}

// ID names a session without letting anybody use it.
func (s Session) ID() string { return s.Hash[:min(len(s.Hash), SessionID)] }

// Fresh says whether the person has shown within ConfirmFor that it is they.
func (s Session) Fresh(now time.Time) bool {
	ago := now.Sub(s.Confirmed)
	return !s.Confirmed.IsZero() && ago >= 0 && ago < ConfirmFor
}

// FirstSet says whether a person who has nothing to show yet may set the first of it in the session: it began just now, by a link or by
// the company's login.
func (s Session) FirstSet(now time.Time) bool {
	ago := now.Sub(s.Made)
	return (s.By == ByLink || s.By == ByConsole || s.By == ByCompany) && ago >= 0 && ago <= EnrolFor
}

// strong says whether what was shown last in the session is more than a password.
func (s Session) strong() bool {
	return s.ConfirmedBy == ByTOTP || s.ConfirmedBy == ByRecovery || s.ConfirmedBy == ByPasskey || s.ConfirmedBy == ByConsole
}

// Session and link times.
const (
	IdleEnd       = 24 * time.Hour     // a session that nobody uses ends
	AbsoluteEnd   = 7 * 24 * time.Hour // any session ends
	LinkEnd       = 24 * time.Hour     // a person's login link
	AdminLinkEnd  = time.Hour          // an administrator's login link made at the console
	ConfirmFor    = 5 * time.Minute    // after it a person is asked again before they sign
	EnrolFor      = 30 * time.Minute   // after login by a link, a person who has nothing yet sets the first of it
	SessionID     = 16                 // characters of a session's hash that name it
	maxAgent      = 120
	maxSessions   = 100             // that are listed
	seenStep      = 5 * time.Minute // use of a session is noted at most so often
	maxPersonList = 10_000
)

// lives says whether the session may be used at now.
func (s Session) lives(now time.Time) bool {
	return s.Ended.IsZero() && now.Before(s.Expires) && now.Before(s.Seen.Add(IdleEnd))
}

// Act is who did what on the hub, and when.
type Act struct {
	ID      string // drawn by NewAct
	At      time.Time
	Person  string // id, or Console
	Act     string // "person.add", "command.unlock", …
	Subject string // the id of what it was done to
	Detail  string
	Before  string // how what was done to was before, and After how it is since, where the act is a change of a few values
	After   string
	Signed  string // how the person confirmed it; empty for an act that nobody has to sign
}

// From is the act with what it changed from and to.
func (a Act) From(before, after string) Act {
	a.Before, a.After = before, after
	return a
}

// NewAct is an act with an id of its own.
func NewAct(at time.Time, person, act, subject, detail string) Act {
	return Act{ID: NewID("a"), At: at, Person: person, Act: act, Subject: subject, Detail: detail}
}

// Erased is the name of whoever was erased.
const Erased = "erased"

// Sealed is read in the place of a name that the hub's key does not open. Nobody can have it as a login name.
const Sealed = "(sealed)"
