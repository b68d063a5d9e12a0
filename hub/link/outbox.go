package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// Pace of the outbox, in the machine's own time.
const (
	lookEvery   = time.Second           // also when nobody wakes it: another process may have written
	lookAtMost  = 20 * time.Millisecond // apart
	resendAfter = 3 * time.Second       // what is owed and was sent
)

// outbox remembers when something that is owed was sent last. What is owed stands in the database, so that a restart needs
// nothing.
type outbox struct {
	mu   sync.Mutex
	sent map[string]time.Time // by device and plan or command
}

// key names a plan or command of a device; empty for other messages.
func key(device string, m protocol.Message) string {
	switch m := m.(type) {
	case protocol.Manifest:
		return fmt.Sprintf("%s plan %d", device, m.Plan)
	case protocol.Command:
		return device + " command " + m.ID
	}
	return ""
}

func (o *outbox) note(device string, m protocol.Message, now time.Time) {
	if k := key(device, m); k != "" {
		o.mu.Lock()
		o.sent[k] = now
		o.mu.Unlock()
	}
}

// due says whether to send now, and notes it.
func (o *outbox) due(device string, m protocol.Message, now time.Time) bool {
	k := key(device, m)
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.sent[k]; ok && now.Sub(last) < resendAfter {
		return false
	}
	o.sent[k] = now
	return true
}

// forget drops what was sent long ago: it is answered, or due anyway.
func (o *outbox) forget(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, at := range o.sent {
		if now.Sub(at) >= resendAfter {
			delete(o.sent, k)
		}
	}
}

// sendOwed sends plans and commands until their devices answer.
func (m *MQTT) sendOwed(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		timely := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			timely = true
		case <-m.config.Wake:
			wait(ctx, lookAtMost)
		}
		if !m.Connected() {
			continue
		}
		err := m.lookOnce(ctx)
		if err == nil && timely {
			err = m.housekeep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			m.config.Logger.Warn("cannot look after what is owed to devices", "error", err)
		}
	}
}

func (m *MQTT) lookOnce(ctx context.Context) error {
	r := m.config.Receiver
	var devices []string
	err := r.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		devices, err = tx.OwedDevices(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, device := range devices {
		owed, err := r.Outbox(ctx, device)
		if err != nil {
			return err
		}
		for _, msg := range owed {
			if m.outbox.due(device, msg, time.Now()) {
				m.send(device, msg)
			}
		}
	}
	return nil
}

// housekeep ends commands that no answer will come to, and the sessions of devices that are revoked.
func (m *MQTT) housekeep(ctx context.Context) error {
	m.outbox.forget(time.Now())
	if err := m.config.Receiver.ExpireCommands(ctx); err != nil {
		return err
	}
	if m.config.Kick == nil {
		return nil
	}
	var revoked []string
	err := m.config.Receiver.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		revoked, err = tx.RevokedDevices(ctx)
		return err
	})
	for _, device := range revoked {
		if m.config.Kick(device) {
			m.config.Logger.Info("session of a revoked device ended", "device", device)
		}
	}
	return err
}

// ExpireCommands calls commands expired whose deadline has passed for so long that the device's own answer is late. When it
// comes all the same, it stands.
func (r *Receiver) ExpireCommands(ctx context.Context) error {
	now := r.config.Clock.Now()
	overdue := func(tx *store.Tx) ([]fleet.Command, error) {
		open, err := tx.OpenCommands(ctx, "")
		var late []fleet.Command
		for _, c := range open {
			if c.Overdue(now) {
				late = append(late, c)
			}
		}
		return late, err
	}
	var late []fleet.Command
	err := r.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		late, err = overdue(tx)
		return err
	})
	if err != nil || len(late) == 0 {
		return err
	}
	err = r.config.Store.Change(ctx, func(tx *store.Tx) error {
		late, err := overdue(tx)
		if err != nil {
			return err
		}
		for _, c := range late {
			if c, err = c.Answer(fleet.CommandExpired, fleet.NoAnswer, now); err != nil {
				return err
			}
			if err := tx.SaveCommand(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		r.changed()
	}
	return err
}

// authTime bounds the look-up of a credential, in the machine's own time.
const authTime = 4 * time.Second

// Authenticator checks logins of devices against the store, for broker.Config.Auth.
func Authenticator(s *store.Store) func(device, password string) bool {
	return func(device, password string) bool {
		ctx, cancel := context.WithTimeout(context.Background(), authTime)
		defer cancel()
		var hash string
		var revoked bool
		err := s.Read(ctx, func(tx *store.Tx) (err error) {
			hash, revoked, err = tx.DeviceCredential(ctx, device)
			return err
		})
		return err == nil && !revoked && fleet.CredentialMatches(hash, password)
	}
}
