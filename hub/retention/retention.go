// Package retention says how long the hub keeps which class of data. What is older is deleted once a day, or the part of it that names
// somebody or opens something is taken out of the row, so that orders, goods and money still add up.
package retention

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Class is a class of data.
type Class struct {
	Name    string
	Days    int  // kept for so many, unless it is set otherwise
	Least   int  // and never fewer, whatever is set
	Endless bool // never deleted by the hub: the law, or the account of what happened, needs it whole
}

// Classes lists them in the order in which people read them. Days that are set may be more than the default, or fewer down to Least.
func Classes() []Class {
	return []Class{
		{Name: "codes", Days: 30, Least: 1},        // that opened doors, of grants and passes
		{Name: "visitors", Days: 90, Least: 7},     // names of whom passes and remote openings were for
		{Name: "sessions", Days: 30, Least: 1},     // and login links, with what the browser called itself
		{Name: "notices", Days: 90, Least: 14},     // to customers
		{Name: "outgoing", Days: 30, Least: 7},     // what was sent to people and systems, and payment events
		{Name: "looks", Days: 1095, Least: 365},    // who looked at whom: a breach is found late
		{Name: "accounts", Days: 1095, Least: 365}, // names of who worked here, after they have left; labour law asks for three years
		{Name: SetAside, Days: 30, Least: 1},       // databases that a restore has set aside, with all that they hold, also who is erased since
		{Name: "temperatures", Days: 365, Least: 365, Endless: true},
		{Name: "orders", Days: 3650, Least: 2555, Endless: true}, // with payments: books are kept for seven to ten years
	}
}

// Find is the class of a name.
func Find(name string) (Class, bool) {
	for _, c := range Classes() {
		if c.Name == name {
			return c, true
		}
	}
	return Class{}, false
}

// SetAside is the class of databases that a restore has set aside.
const SetAside = "set_aside"

// MaxDays bounds what may be set: a century.
const MaxDays = 36_525

// Setting is for how many days a class is kept.
type Setting struct {
	Class string
	Days  int
}

// Check says what is wrong with a setting.
func (s Setting) Check() error {
	c, ok := Find(s.Class)
	switch {
	case !ok:
		var names []string
		for _, c := range Classes() {
			names = append(names, c.Name)
		}
		return fmt.Errorf("class %q: want one of %s", s.Class, strings.Join(names, ", "))
	case s.Days < c.Least || s.Days > MaxDays:
		return fmt.Errorf("days of %s: %d: want %d to %d", s.Class, s.Days, c.Least, MaxDays)
	case c.Endless:
		return fmt.Errorf("class %s: the hub deletes nothing of it, so there is nothing to set", s.Class)
	}
	return nil
}

// Status is what a page says of a class.
type Status struct {
	Class
	Kept    int       // days, as set
	Oldest  time.Time // of what is there; zero for nothing
	Ran     time.Time // when the job had gone through it last; zero for never
	Deleted int       // by that run
}

// Store keeps the data. Each call is a transaction of its own.
type Store interface {
	// Retained gives the status of each class.
	Retained(ctx context.Context) ([]Status, error)
	// ClaimRetention says whether this hub is to go through a class on a date: once, unless one that had begun was cut off.
	ClaimRetention(ctx context.Context, class, date string, now, until time.Time) (bool, error)
	// DeleteRetained deletes up to most of what is older than before, and says how much it was and whether there may be more.
	DeleteRetained(ctx context.Context, class string, before time.Time, most int) (deleted int, more bool, err error)
	// EndRetention notes that a class was gone through.
	EndRetention(ctx context.Context, class, date string, deleted int, now time.Time) error
	// LastBackup is when the newest backup began; zero when the hub has never made one.
	LastBackup(ctx context.Context) (time.Time, error)
}

const (
	// AtOnce is how many rows go in one transaction: others write between, and none waits for long.
	AtOnce = 500
	lease  = 30 * time.Minute
	// mostBatches bounds one run; what is left goes the next day.
	mostBatches = 4_000
)

// Run goes through all classes once a date, as far as no other hub does. What fails in one does not keep the others from it.
func Run(ctx context.Context, s Store, date string, now time.Time) (deleted map[string]int, err error) {
	all, err := s.Retained(ctx)
	if err != nil {
		return nil, err
	}
	backup, err := s.LastBackup(ctx)
	if err != nil {
		return nil, err
	}
	deleted = map[string]int{}
	for _, c := range all {
		if c.Endless {
			continue
		}
		mine, failed := s.ClaimRetention(ctx, c.Name, date, now, now.Add(lease))
		if failed == nil && mine {
			deleted[c.Name], failed = runClass(ctx, s, c, Before(now, c.Kept, backup), date, now)
		}
		if failed != nil && err == nil {
			err = fmt.Errorf("retention of %s: %w", c.Name, failed)
		}
	}
	return deleted, err
}

// Before is the time before which a class is deleted. Where backups are made, nothing goes that is in none yet: if they have been failing
// for long, the data here are all there is.
func Before(now time.Time, days int, backup time.Time) time.Time {
	before := now.AddDate(0, 0, -days)
	if !backup.IsZero() && backup.Before(before) {
		return backup
	}
	return before
}

func runClass(ctx context.Context, s Store, c Status, before time.Time, date string, now time.Time) (deleted int, err error) {
	for range mostBatches {
		n, more, err := s.DeleteRetained(ctx, c.Name, before, AtOnce)
		if err != nil {
			return deleted, err
		}
		if deleted += n; !more {
			break
		}
	}
	return deleted, s.EndRetention(ctx, c.Name, date, deleted, now)
}
