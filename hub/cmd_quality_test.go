package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/order"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestGoodsAreHeldAndDecidedAboutFromTheCommandLine(t *testing.T) {
	noon := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	g := &Globals{Ctx: t.Context(), DataDir: t.TempDir(), Clock: clock.New(time.Now(), noon, 1), Logger: slog.New(slog.DiscardHandler)}
	g.Database = "sqlite:" + filepath.Join(g.DataDir, "hub.db")
	s, err := g.MakeStore()
	require.NoError(t, err)
	storetest.Import(t, s, storetest.Network(t))
	_, err = order.NewService(s.Orders()).Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m",
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, noon, "test")
	require.NoError(t, err)
	const container = "C-20261201-0001"
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		c, err := tx.Container(t.Context(), container)
		if err != nil {
			return err
		}
		if err := c.Fill("09520001000010", noon); err != nil {
			return err
		}
		return tx.SaveContainer(t.Context(), c)
	}))
	require.NoError(t, s.Close())
	run := func(args ...string) (string, error) {
		var cli struct {
			Quality QualityCmd `cmd:""`
		}
		var out bytes.Buffer
		g.Stdout = &out
		p, err := kong.New(&cli)
		require.NoError(t, err)
		ctx, err := p.Parse(append([]string{"quality"}, args...))
		if err != nil {
			return "", err
		}
		err = ctx.Run(g)
		return out.String(), err
	}
	says := func(want string, args ...string) {
		t.Helper()
		out, err := run(args...)
		require.NoError(t, err)
		require.Contains(t, out, want)
	}
	says("nothing", "list")
	says("not judged yet", "show", container)
	_, err = run("show", "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	says("1 container", "hold", "container", container, "--reason", "dropped")
	says("dropped", "list")
	_, err = run("release", "container", container, "--reason", " ")
	require.ErrorContains(t, err, "--reason")
	says(container, "release", "container", container, "--reason", "looked at it")
	_, err = run("condemn", "container", container, "--reason", "looked at it")
	require.ErrorIs(t, err, quality.ErrNothing)
	says("released", "list", "--decided")
	says("", "probe", "loc-1-f1", "4.5")
	_, err = run("probe", "loc-1-f1", "400")
	require.ErrorIs(t, err, quality.ErrProbing)
	_, err = run("probe", "nowhere", "4.5")
	require.ErrorIs(t, err, store.ErrNotFound)
}
