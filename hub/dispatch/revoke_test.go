package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHowFarAGrantHasCome(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 12, 1, hour, 0, 0, 0, time.UTC) }
	held, sure := GrantHolder{Device: "d-1"}, GrantHolder{Device: "d-2", ConfirmedAt: at(12)}
	for rule, c := range map[string]struct {
		r     Revocation
		now   time.Time
		want  GrantState
		end   RevokeEnd
		ended time.Time
		waits bool
	}{
		"one that stands keeps no money waiting":                     {Revocation{}, at(10), GrantActive, RevokeOpen, time.Time{}, false},
		"also when it was used":                                      {Revocation{UsedAt: at(9)}, at(10), GrantActive, RevokeOpen, time.Time{}, false},
		"one that a lock may hold is being revoked":                  {Revocation{RevokedAt: at(11), Holders: []GrantHolder{sure, held}}, at(13), GrantRevoking, RevokeOpen, time.Time{}, true},
		"it is revoked when the last lock has confirmed":             {Revocation{RevokedAt: at(11), Holders: []GrantHolder{sure}}, at(13), GrantRevoked, RevokeConfirmed, at(12), false},
		"at once where no lock ever had it":                          {Revocation{RevokedAt: at(11)}, at(11), GrantRevoked, RevokeConfirmed, at(11), false},
		"with its window, exclusive of its end":                      {Revocation{RevokedAt: at(11), Holders: []GrantHolder{held}}, at(17), GrantRevoked, RevokeByWindow, at(17), false},
		"not a moment earlier":                                       {Revocation{RevokedAt: at(11), Holders: []GrantHolder{held}}, at(17).Add(-1), GrantRevoking, RevokeOpen, time.Time{}, true},
		"one that was over is revoked when it is taken back":         {Revocation{RevokedAt: at(18), Holders: []GrantHolder{held}}, at(18), GrantRevoked, RevokeByWindow, at(18), false},
		"one that opened a door first waits for a person":            {Revocation{RevokedAt: at(11), UsedAt: at(10), Holders: []GrantHolder{sure}}, at(13), GrantUsed, RevokeConfirmed, at(12), true},
		"also after its window":                                      {Revocation{RevokedAt: at(11), UsedAt: at(12), Holders: []GrantHolder{held}}, at(17), GrantUsed, RevokeByWindow, at(17), true},
		"who takes the risk ends the wait, and the state stays true": {Revocation{RevokedAt: at(11), Holders: []GrantHolder{held}, Risk: Risk{By: "p-1"}}, at(13), GrantRevoking, RevokeOpen, time.Time{}, false},
	} {
		t.Run(rule, func(t *testing.T) {
			c.r.Until = at(17)
			require.Equal(t, c.end != RevokeOpen, c.r.Settle(c.now))
			require.Equal(t, []any{c.want, c.end, c.ended, c.waits}, []any{c.r.State(), c.r.End, c.r.EndedAt, c.r.MayOpen()})
			require.False(t, c.r.Settle(c.now.Add(100*time.Hour)) && c.end != RevokeOpen, "what has ended stays as it ended")
		})
	}
	r := Revocation{RevokedAt: at(11), Holders: []GrantHolder{sure, held}}
	require.Equal(t, []string{"d-1"}, r.WaitsFor())
}

// Whatever locks confirm, and in which order: money goes only when no lock can open.
func TestAGrantIsRevokedOnlyWhenNoLockCanOpenForIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Unix(1_800_000_000, 0)
		r := Revocation{RevokedAt: begin.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "revoked")) * time.Minute)}
		r.Until = begin.Add(100 * time.Minute)
		now := begin.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "now")) * time.Minute)
		blocked := false
		for range rapid.IntRange(0, 4).Draw(t, "holders") {
			h := GrantHolder{Device: "d"}
			if rapid.Bool().Draw(t, "confirmed") {
				h.ConfirmedAt = r.RevokedAt.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "after")) * time.Minute)
			} else {
				blocked = true
			}
			r.Holders = append(r.Holders, h)
		}
		ended := r.Settle(now)
		if want := !blocked || !now.Before(r.Until); ended != want {
			t.Fatalf("ended %t, want %t", ended, want)
		}
		if ended && r.EndedAt.Before(r.RevokedAt) {
			t.Fatal("it ended before it was taken back")
		}
	})
}
