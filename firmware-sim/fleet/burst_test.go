package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/app"
	"meguri/firmware-sim/chip"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Twenty scans a second, and all of them at once, come out of the log in the order in which they went in at the wire: none dropped, none
// joined with the next, none twice.
func TestABurstOfScansIsNeitherDroppedJoinedNorReordered(t *testing.T) {
	for name, c := range map[string]struct {
		apart time.Duration
		scans int
	}{"20 a second": {50 * time.Millisecond, 100}, "as fast as the line takes them": {0, 100}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startScanner(t, nil)
				s.type_(t, "96b1\r95new\r")
				var want []string
				for n := range c.scans {
					s.type_(t, fmt.Sprintf("]d201%s21B%d\r", gtin, n))
					want = append(want, fmt.Sprintf("(01)%s(21)B%d", gtin, n))
					time.Sleep(c.apart) // of the bubble
				}
				var got []string
				for len(got) < c.scans {
					if i, ok := (<-s.recorded).(protocol.ItemScanned); ok {
						got = append(got, i.Item)
					}
				}
				require.Equal(t, want, got)
				synctest.Wait()
				require.Equal(t, "B99: right. Scan a piece.", s.line.Last())
				s.stop(t)
			})
		})
	}
}

const gtin = "09520001000010"

type scanner struct {
	line     *chip.Stream
	recorded chan protocol.Body
	stop     func(*testing.T)
}

// startScanner runs the agent of a warehouse's scanner, cut off from its hub, on chips.
func startScanner(t *testing.T, items []protocol.KnownItem) *scanner {
	h := chip.New(nil)
	s := &scanner{line: h.Stream("s1"), recorded: make(chan protocol.Body, 1000)}
	board, err := h.Open(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	file := filepath.Join(t.TempDir(), "edge.db")
	go func() {
		ended <- app.Run(ctx, app.Config{Device: "d", Broker: "tls://127.0.0.1:1", File: file,
			Kit: app.Kit{BatteryClock: true, Warehouse: &app.Terminal{Position: "w-1", Reader: "s1", Display: "s1"}},
			Lists: &app.Lists{Items: items, Warehouse: protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b1"}},
				Stations: []protocol.Workstation{{Code: "new", Step: protocol.StepRegister}}}}},
			app.Deps{Board: board, Clock: clock.New(time.Now(), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), 1), Logger: slog.New(slog.DiscardHandler),
				Dial:     func(context.Context) (net.Conn, error) { return nil, errors.New("cut off") },
				Recorded: func(_ protocol.LogID, _ uint64, b protocol.Body) { s.recorded <- b }})
	}()
	s.stop = func(t *testing.T) {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, board.Close())
	}
	return s
}

// type_ types at the wire; while nobody has it open, or it is full, whoever types waits.
func (s *scanner) type_(t *testing.T, text string) {
	t.Helper()
	for range 1000 {
		err := s.line.Type(text)
		if err == nil {
			return
		}
		require.ErrorIs(t, err, chip.ErrNobody)
		time.Sleep(time.Millisecond) // of the bubble
	}
	t.Fatal("nobody listens")
}
