package people

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Client is a program that gets tokens of the hub for a secret (RFC 6749, 4.4).
type Client struct {
	ID        string // "cafe-orders": its name, and its client_id
	Role      Role   // System, or Shop for a shop's own program
	Place     string // the shop; empty for System
	Scopes    []Scope
	PerMinute int // requests that it may send in a minute
	Added     time.Time
	AddedBy   string
	Revoked   time.Time // zero while it may have tokens
	Business  string
}

// Person is who the client is to everything that asks for a person.
func (c Client) Person() Person {
	return Person{ID: "client:" + c.ID, Name: c.ID, Role: c.Role, Place: c.Place, Added: c.Added, AddedBy: c.AddedBy, Removed: c.Revoked,
		Business: c.Business}
}

// Limits of clients.
const (
	DefaultPerMinute = 600     // requests of a client
	MaxPerMinute     = 100_000 // that may be configured
	maxClients       = 1000    // that are listed
)

// ErrClient is returned for a client and a secret that do not belong together. It does not say whether there is such a client.
var ErrClient = errors.New("the client is not known, was revoked, or its secret is not right")

// ErrNoClient is returned for a name that no living client has.
var ErrNoClient = errors.New("no such client")

// ErrClientTaken is returned for a name that a client has, or had: what it did stays under its name.
var ErrClientTaken = errors.New("a client has, or had, this name")

// clientTx is what a transaction offers for clients.
type clientTx interface {
	// Client is ErrNoClient for a name that none has or had; a revoked one is found.
	Client(ctx context.Context, id string) (Client, error)
	// Clients lists clients in the order in which they were added, the revoked ones too.
	Clients(ctx context.Context, most int) ([]Client, error)
	AddClient(ctx context.Context, c Client) error
	RevokeClient(ctx context.Context, id string, at time.Time) error
	// HasSecret says whether the client has a secret with the hash that is good at now.
	HasSecret(ctx context.Context, id, hash string, now time.Time) (bool, error)
	// SetSecret gives the client a secret; of those it has, the newest is good until, the others no longer.
	SetSecret(ctx context.Context, id, hash string, now, until time.Time) error
}

var clientName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// check says what is wrong with a client, as a *FieldError.
func (c Client) check() error {
	switch {
	case !clientName.MatchString(c.ID):
		return &FieldError{"name", "1 to 40 of a-z, 0-9 and -, not - first"}
	case c.Role != System && c.Role != Shop:
		return &FieldError{"role", "system, or shop for a shop's own program"}
	case (c.Role == Shop) != (c.Place != ""):
		return &FieldError{"place", "the id of the shop for the role shop, and none for system"}
	case len(c.Scopes) == 0:
		return &FieldError{"scope", "at least one of " + strings.Join(Scopes(), ", ")}
	case c.PerMinute < 1 || c.PerMinute > MaxPerMinute:
		return &FieldError{"rate", fmt.Sprintf("1 to %d requests a minute", MaxPerMinute)}
	}
	for _, s := range c.Scopes {
		switch {
		case !slices.Contains(Scopes(), s):
			return &FieldError{"scope", fmt.Sprintf("of %s, and %q is none", strings.Join(Scopes(), ", "), s)}
		case !Opens(s, c.Role):
			return &FieldError{"scope", fmt.Sprintf("one that opens something to the role %s, and %s opens nothing", c.Role, s)}
		}
	}
	return nil
}

// AddClient registers a program and gives its secret, of which only the hash is stored: it is random, so a plain hash is as good as
// a slow one. The error is a *FieldError, or ErrClientTaken.
func (s *Service) AddClient(ctx context.Context, by string, c Client, now time.Time) (secret string, err error) {
	slices.Sort(c.Scopes)
	c.Scopes = slices.Compact(c.Scopes)
	c.Added, c.AddedBy, c.Revoked, c.Business = now, by, time.Time{}, businessOrMain(ctx)
	if err := c.check(); err != nil {
		return "", err
	}
	secret = newToken()
	err = s.store.Change(ctx, func(tx Tx) error {
		if _, err := tx.Client(ctx, c.ID); !errors.Is(err, ErrNoClient) {
			return errors.Join(err, ErrClientTaken)
		}
		if err := there(ctx, tx, c.Business); err != nil {
			return err
		}
		if err := placed(ctx, tx, c.Person()); err != nil {
			return err
		}
		if err := tx.AddClient(ctx, c); err != nil {
			return err
		}
		if err := tx.SetSecret(ctx, c.ID, hashToken(secret), now, now); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s %s %s, %d/min", c.Role, c.Place, strings.Join(c.Scopes, " "), c.PerMinute)
		return tx.RecordAct(ctx, NewAct(now, by, "client.add", c.Person().ID, detail))
	})
	if err != nil {
		return "", fmt.Errorf("add client %s: %w", c.ID, err)
	}
	return secret, nil
}

// Clients lists clients in the order in which they were added, the revoked ones too.
func (s *Service) Clients(ctx context.Context) (all []Client, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Clients(ctx, maxClients)
		return err
	})
	return all, err
}

// RotateClient gives a client another secret. The one it has is good for keep longer, so that a program that runs does not fail
// meanwhile. The error is ErrNoClient.
func (s *Service) RotateClient(ctx context.Context, by, id string, keep time.Duration, now time.Time) (secret string, err error) {
	secret = newToken()
	err = s.store.Change(ctx, func(tx Tx) error {
		c, err := livingClient(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := tx.SetSecret(ctx, id, hashToken(secret), now, now.Add(keep)); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "client.rotate", c.Person().ID, "the former one is good for "+keep.String()))
	})
	if err != nil {
		return "", fmt.Errorf("rotate client %s: %w", id, err)
	}
	return secret, nil
}

// RevokeClient takes a client's access away at once, with the tokens that it has. The error is ErrNoClient.
func (s *Service) RevokeClient(ctx context.Context, by, id string, now time.Time) error {
	err := s.store.Change(ctx, func(tx Tx) error {
		c, err := livingClient(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := tx.RevokeClient(ctx, id, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "client.revoke", c.Person().ID, ""))
	})
	if err != nil {
		return fmt.Errorf("revoke client %s: %w", id, err)
	}
	return nil
}

// LivingClient is the client of a name; ErrNoClient for one that is not there or was revoked.
func (s *Service) LivingClient(ctx context.Context, id string) (c Client, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		c, err = livingClient(ctx, tx, id)
		return err
	})
	return c, err
}

func livingClient(ctx context.Context, tx Tx, id string) (Client, error) {
	c, err := tx.Client(ctx, id)
	if err == nil && !c.Revoked.IsZero() {
		err = ErrNoClient
	}
	return c, err
}

// Authenticate gives the client that shows its secret. Wrong ones are slowed down by address, and a right one is not: nobody guesses 256
// bits, and who guesses behind the same proxy must not keep out a program that knows. The error is ErrClient or a *ThrottledError.
func (s *Service) Authenticate(ctx context.Context, id, secret, address string, now time.Time) (c Client, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		var has bool
		if has, err = tx.HasSecret(ctx, id, hashToken(secret), now); err != nil {
			return err
		}
		if c, err = livingClient(ctx, tx, id); errors.Is(err, ErrNoClient) || err == nil && !has {
			err = ErrClient
		}
		return err
	})
	if err == nil {
		return c, nil
	}
	if errors.Is(err, ErrClient) {
		if slow := s.throttle.take(now, addressed(address)...); slow != nil {
			err = slow
		}
	}
	return Client{}, err
}
