package people

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASessionIsRememberedForASecondAndNotPastItsEnd(t *testing.T) {
	var r recent
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	_, ok, round := r.get("h", at)
	require.False(t, ok)
	u := use{Person{ID: "p"}, Session{Hash: "h", Made: at, Seen: at, Expires: at.Add(AbsoluteEnd)}, at}
	r.put(round, u)
	was, ok, _ := r.get("h", at.Add(rememberFor-time.Millisecond))
	require.True(t, ok)
	require.Equal(t, "p", was.who.ID)
	for _, now := range []time.Time{at.Add(rememberFor), at.Add(-time.Millisecond)} {
		_, ok, _ = r.get("h", now)
		require.False(t, ok)
	}
	u.session.Expires = at.Add(time.Millisecond)
	r.put(round, u)
	_, ok, _ = r.get("h", at.Add(time.Millisecond))
	require.False(t, ok, "it has expired meanwhile")
	r.forget()
	r.put(round, u)
	_, ok, _ = r.get("h", at)
	require.False(t, ok, "what was read before a session ended is not remembered after")
}
