package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/internal/ptytest"
	"meguri/internal/race"
)

const (
	onlyPiece = "(01)09520001000010(21)P1"
	pieceScan = "]d2010952000100001021P1"
	bagScan   = "]C100095200010000000010"
)

// rentalHouse is a real hub, as a process, that serves a warehouse with one piece.
type rentalHouse struct {
	t            *testing.T
	dir          string // of the programs
	data, keys   string
	broker, http string
	serve        *exec.Cmd
}

func newRentalHouse(t *testing.T) *rentalHouse {
	dir, err := programs()
	require.NoError(t, err)
	h := &rentalHouse{t: t, dir: dir, data: t.TempDir(), keys: t.TempDir(), broker: address(t), http: address(t)}
	in, today := t.TempDir(), time.Now().UTC().Format(time.DateOnly)
	for name, text := range map[string]string{
		"warehouses.csv":        "id,gln,name\nw-1,9520001000058,Koto\n",
		"warehouse_shelves.csv": "id,warehouse_id,walk\nA-1,w-1,1\n",
		"operators.csv":         "badge,warehouse_id,pin\nop-1,w-1,\nop-2,w-1,\nop-3,w-1,\n",
		"garments.csv":          "gtin,name\n09520001000010,Dress\n",
		"rental_items.csv":      "item,warehouse_id,shelf_id,grade\n" + onlyPiece + ",w-1,A-1,A\n",
		"rental_orders.csv":     fmt.Sprintf("order_id,customer_id,warehouse_id,ship_date,gtin\no-1,c-1,w-1,%[1]s,09520001000010\no-2,c-2,w-1,%[1]s,09520001000010\n", today),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(in, name), []byte(text), 0o600))
	}
	h.run("import", in)
	for _, device := range []string{"s-1", "s-2", "s-3"} {
		h.run("device", "add", device, "--role", "scanner", "--place", "w-1", "--out", h.keys)
	}
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *rentalHouse) run(args ...string) string {
	h.t.Helper()
	out, err := exec.CommandContext(h.t.Context(), filepath.Join(h.dir, "hub"), append(args, "--data", h.data)...).CombinedOutput()
	require.NoError(h.t, err, string(out))
	return string(out)
}

func (h *rentalHouse) start() {
	h.serve = exec.Command(filepath.Join(h.dir, "hub"), "serve", "--http", h.http, "--broker", h.broker, "--data", h.data)
	require.NoError(h.t, h.serve.Start())
	require.Eventually(h.t, func() bool {
		c, err := net.Dial("tcp", h.broker)
		return err == nil && c.Close() == nil
	}, soon, look)
}

func (h *rentalHouse) stop() {
	_ = h.serve.Process.Signal(os.Interrupt)
	_ = h.serve.Wait() // "signal: interrupt" is what it was told
}

// awaits asks the command line until it says something.
func (h *rentalHouse) awaits(want string, args ...string) {
	h.t.Helper()
	said := ""
	require.Eventually(h.t, func() bool {
		said = h.run(args...)
		return strings.Contains(said, want)
	}, soon, 300*time.Millisecond, "%s is not said by hub %v", want, args)
}

// handheld is a real `edge run` with a reader on a serial line.
type handheld struct {
	t    *testing.T
	far  *os.File
	says chan string
}

func (h *rentalHouse) handheld(device string) *handheld {
	h.t.Helper()
	far, path, err := ptytest.Open()
	require.NoError(h.t, err)
	near, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0) // held open, so that the far end is not hung up before the program has it
	require.NoError(h.t, err)
	dir := h.t.TempDir()
	kit := filepath.Join(dir, "kit.yaml")
	require.NoError(h.t, os.WriteFile(kit, fmt.Appendf(nil, "battery_clock: true\nlanguage: ja\nwarehouse:\n  position: w-1\n  reader: serial:%[1]s\n  display: serial:%[1]s\n", path), 0o600))
	key, certificate := pki.Files(h.keys, device)
	cmd := exec.Command(filepath.Join(h.dir, "edge"), "run", "--device", device, "--kit", kit, "--data", dir, "--broker", "tls://"+h.broker,
		"--certificate", certificate, "--key", key, "--ca", filepath.Join(h.keys, pki.CAFile))
	require.NoError(h.t, cmd.Start())
	d := &handheld{t: h.t, far: far, says: make(chan string, 1000)}
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_, _ = near.Close(), far.Close()
	})
	go func() {
		for lines := bufio.NewScanner(far); lines.Scan(); {
			d.says <- lines.Text()
		}
	}()
	d.hears("名札をスキャンしてください。")
	return d
}

// hears waits until the display shows something, and gives the whole line.
func (d *handheld) hears(want string) string {
	d.t.Helper()
	var before []string
	late := time.After(soon)
	for {
		select {
		case line := <-d.says:
			if strings.Contains(line, want) {
				return line
			}
			before = append(before, line)
		case <-late:
			require.FailNow(d.t, "the display does not show "+want, "%q", before)
		}
	}
}

// scan scans a code, and waits for what the display is to show.
func (d *handheld) scan(code, want string) string {
	d.t.Helper()
	_, err := d.far.WriteString(code + "\r")
	require.NoError(d.t, err)
	return d.hears(want)
}

// step scans pairs of a code and what the display is to show.
func (d *handheld) step(card, name string, codes ...string) {
	d.t.Helper()
	d.scan("95step-"+card, name+" を開始します。")
	for n := 0; n < len(codes); n += 2 {
		d.scan(codes[n], codes[n+1])
	}
}

// A piece goes out, comes back and goes its round, by real programs with a reader on a serial line; and two scanners that are cut off pick
// it for the same order: a person has to look, and both picks are in its history.
func TestAPieceGoesItsRoundAndIsPickedByTwoScannersThatAreCutOff(t *testing.T) {
	if race.Enabled {
		t.Skip("played by the run without the race detector")
	}
	h := newRentalHouse(t)
	h.run("rental", "allocate", "o-1")
	d := h.handheld("s-1")
	d.scan("96op-1", "op-1 で開始しました。")
	d.step("pick", "ピッキング", "92A-1", "A-1 です。", pieceScan, "トート 0001 へ")
	d.step("pack", "梱包", bagScan, "を開始します。", pieceScan, "P1 確認しました。", "95close", "1 点で閉じました。")
	d.step("ship", "発送", bagScan, "を発送しました。")
	h.awaits("in_transit_out", "rental", "order", "o-1")
	h.run("rental", "deliver", "o-1")

	d.step("receive", "返却受付", bagScan, "残り 1 点。" /* by the lists that may come just now */, pieceScan, "P1 確認しました。", "95close", "閉じました。")
	h.awaits("closed", "rental", "order", "o-1")
	d.step("inspect-return", "返却検品", pieceScan, "P1 確認しました。", "95grade-a", "等級 A", "95pass", "P1 合格。")
	d.step("clean", "クリーニングへ", "97b-1", "バッチ b-1", pieceScan, "P1 確認しました。")
	d.step("cleaned", "クリーニング戻り", pieceScan, "P1 確認しました。")
	d.step("inspect-final", "最終検品", pieceScan, "P1 確認しました。", "95pass", "P1 合格。")
	d.step("put-away", "格納", pieceScan, "P1 確認しました。", "92A-1", "格納しました。")
	h.awaits("1 return so far", "rental", "item", onlyPiece)
	h.awaits("shelved since", "rental", "item", onlyPiece)

	h.run("rental", "allocate", "o-2")
	two := []*handheld{h.handheld("s-2"), h.handheld("s-3")}
	for n, d := range two {
		d.scan(fmt.Sprintf("96op-%d", n+2), "で開始しました。")
		require.Contains(t, d.scan("95step-pick", "ピッキング を開始します。"), "A-1 へ: P1")
	}
	h.stop()
	for _, d := range two {
		d.scan(pieceScan, "トート 0002 へ")
	}
	h.start()
	h.awaits("s-2 (op-2)", "rental", "item", onlyPiece)
	h.awaits("s-3 (op-3)", "rental", "item", onlyPiece)
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.data, "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var told []string
	require.NoError(t, db.Read(t.Context(), func(tx *store.Tx) error {
		work, err := tx.Work(t.Context(), false, 10)
		for _, w := range work {
			if w.Subject == onlyPiece && strings.Contains(w.Detail.String(), "pick at A-1 order o-2") {
				told = append(told, w.Kind)
			}
		}
		return err
	}))
	require.NotEmpty(t, told, "nobody is told of two picks")
	require.Subset(t, []string{"rental_picked_twice", "rental_doubt"}, told)
}
