package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/block"
	"meguri/protocol"
)

// Packing is which readings are packed, and how.
type Packing struct {
	// Before: rows that were received later stay, for what is new is read most, and dated again.
	Before time.Time
	// UndatedBefore: so do rows later than this that are not well dated, for a clock setting may come yet.
	UndatedBefore time.Time
}

// PackingAt is the packing that a hub does at a time.
func PackingAt(now time.Time) Packing {
	return Packing{Before: now.Add(-6 * time.Hour), UndatedBefore: now.Add(-30 * 24 * time.Hour)}
}

// Packed is what was packed.
type Packed struct{ Rows, Samples, Blocks int }

// Sizes of blocks. Four of blockSize fill a page of SQLite; of one a minute, blockLength is ten hours, of which a chart of a year shows
// no more than the lowest and the highest.
const (
	blockSize   = 930
	blockLength = 600
	// leastBlock: fewer rows that nothing follows wait for company, until they are packedAlone old.
	leastBlock  = 500
	packedAlone = 48 * time.Hour
	// blocksPerChange bounds what devices wait for, who cannot be taken in meanwhile.
	blocksPerChange = 4
	// maxBlockHole: no longer time without samples hides in a block, so that a chart shows it.
	maxBlockHole = 2 * time.Hour
	// keptRows at either end of an incarnation's log stay rows: the ledger reads there which sensors there are, and others the newest.
	keptRows     = protocol.MaxSensors
	maxReadBlock = 1500 // rows of a series that are looked at together
)

// PackReadings packs rows of readings into blocks, in many small changes.
func (s *Store) PackReadings(ctx context.Context, p Packing) (done Packed, err error) {
	type life struct{ device, incarnation string }
	var lives []life
	if err := s.Read(ctx, func(tx *Tx) (err error) {
		lives, err = list(ctx, tx, func(row scanner) (l life, err error) {
			err = row.Scan(&l.device, &l.incarnation)
			return l, err
		}, "SELECT device_id, incarnation FROM device_logs WHERE log = $1 ORDER BY device_id, incarnation", int64(protocol.Readings))
		return err
	}); err != nil {
		return done, err
	}
	for _, l := range lives {
		k := packer{store: s, packing: p, device: l.device, incarnation: l.incarnation}
		if err := k.run(ctx, &done); err != nil {
			return done, fmt.Errorf("pack readings of %s: %w", l.device, err)
		}
	}
	return done, nil
}

// packer packs the rows of one incarnation of a device.
type packer struct {
	store               *Store
	packing             Packing
	device, incarnation string
	low, high           int64 // numbers between them may be packed
	rows                int   // that are read at once
}

func (k *packer) run(ctx context.Context, done *Packed) error {
	if found, err := k.bounds(ctx); err != nil || !found {
		return err
	}
	for {
		var page []storedRow
		if err := k.store.Read(ctx, func(tx *Tx) (err error) {
			page, err = list(ctx, tx, scanStored, "SELECT "+storedColumns+` WHERE device_id = $1 AND incarnation = $2 AND number > $3 AND number < $4
				ORDER BY number, sensor LIMIT $5`, k.device, k.incarnation, k.low, k.high, k.rows)
			return err
		}); err != nil {
			return err
		}
		full := len(page) == k.rows
		if full { // the last record may be cut; it comes again
			last := page[len(page)-1].Number
			page = slices.DeleteFunc(page, func(r storedRow) bool { return r.Number == last })
		}
		if len(page) == 0 {
			return nil
		}
		packed, err := k.pack(ctx, page, done)
		if err != nil || !full {
			return err
		}
		if !packed { // what can wait has filled the page
			k.low = page[len(page)-1].Number
		}
	}
}

// bounds says between which numbers rows may be packed, and false when there are none.
func (k *packer) bounds(ctx context.Context) (found bool, err error) {
	var ends [2][]int64
	if err := k.store.Read(ctx, func(tx *Tx) (err error) {
		for i, order := range []string{"number", "number DESC"} {
			ends[i], err = list(ctx, tx, scanInt, "SELECT number FROM readings WHERE device_id = $1 AND incarnation = $2 ORDER BY "+order+" LIMIT $3",
				k.device, k.incarnation, keptRows)
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil || len(ends[0]) < keptRows {
		return false, err
	}
	k.low, k.high = ends[0][keptRows-1], ends[1][keptRows-1]
	sensors := 1
	for sensors < keptRows && ends[1][sensors] == ends[1][0] {
		sensors++
	}
	k.rows = maxReadBlock * sensors
	return k.low < k.high, nil
}

func scanInt(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// pack packs of a page what can be, and says whether anything was.
func (k *packer) pack(ctx context.Context, page []storedRow, done *Packed) (packed bool, err error) {
	series := map[string][]storedRow{}
	var sensors []string
	for _, r := range page {
		if _, has := series[r.sensor]; !has {
			sensors = append(sensors, r.sensor)
		}
		series[r.sensor] = append(series[r.sensor], r)
	}
	var blocks []newBlock
	for _, sensor := range sensors {
		more, err := k.blocksOf(series[sensor])
		if err != nil {
			return packed, err
		}
		blocks = append(blocks, more...)
	}
	for part := range slices.Chunk(blocks, blocksPerChange) {
		var did Packed
		if err := k.store.Change(ctx, func(tx *Tx) error {
			did = Packed{}
			for i := range part {
				if err := tx.storeBlock(ctx, &part[i], &did); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return packed, err
		}
		done.Rows, done.Samples, done.Blocks = done.Rows+did.Rows, done.Samples+did.Samples, done.Blocks+did.Blocks
		packed = packed || did.Blocks > 0
	}
	return packed, nil
}

// newBlock is a block that is to stand for rows, with what shows whether they have changed meanwhile.
type newBlock struct {
	readingBlock
	rowCount, sumAt, sumWithin int64
}

// packable says whether a row may be packed at all.
func (k *packer) packable(r *storedRow) bool {
	const far = 1 << 46 // milliseconds: the year 4199
	if r.EventAt < 0 || r.EventAt > far || r.Within < 0 || r.Within > far || r.Span < 0 || r.Span > maxPackedSpan.Milliseconds() {
		return false
	}
	if r.Received >= millis(k.packing.Before) || r.Within > 2000 && r.Received >= millis(k.packing.UndatedBefore) {
		return false
	}
	_, err := r.samples()
	return err == nil
}

// blocksOf makes blocks of the rows of one sensor, which are in order of number. The rows of a block follow each other, are of one boot
// and near each other in time.
func (k *packer) blocksOf(rows []storedRow) (blocks []newBlock, err error) {
	for begin := 0; begin < len(rows); {
		if !k.packable(&rows[begin]) {
			begin++
			continue
		}
		end, first, last := begin+1, rows[begin].EventAt, rows[begin].EventAt
		for ; end < len(rows) && end-begin < blockLength && rows[end].boot == rows[begin].boot && k.packable(&rows[end]); end++ {
			low, high := min(first, rows[end].EventAt), max(last, rows[end].EventAt)
			hole := rows[end].EventAt - rows[end].Span - rows[end-1].EventAt
			if high-low > maxBlockEnds.Milliseconds() || hole > maxBlockHole.Milliseconds() {
				break
			}
			first, last = low, high
		}
		if end == len(rows) && end-begin < leastBlock && rows[end-1].Received >= millis(k.packing.Before.Add(-packedAlone)) {
			return blocks, nil
		}
		b, n, err := newBlockOf(rows[begin:end])
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
		begin += n
	}
	return blocks, nil
}

// newBlockOf packs as many of the first rows as fit, and says how many they are.
func newBlockOf(rows []storedRow) (b newBlock, n int, err error) {
	packed := make([]block.Row, len(rows))
	for i := range rows {
		packed[i] = rows[i].Row
	}
	n, body, err := block.Fit(packed, blockSize)
	if err != nil {
		return b, 0, err
	}
	first := &rows[0]
	b = newBlock{readingBlock: readingBlock{device: first.device, incarnation: first.incarnation, sensor: first.sensor, boot: first.boot,
		firstNumber: first.Number, lastNumber: rows[n-1].Number, firstAt: first.EventAt, firstEnd: first.EventAt, lastAt: first.EventAt,
		lowest: 1<<63 - 1, highest: -1 << 63, body: body}, rowCount: int64(n)}
	for i := range rows[:n] {
		if err := b.add(&rows[i]); err != nil {
			return b, 0, err
		}
	}
	return b, n, nil
}

// add counts a row.
func (b *newBlock) add(r *storedRow) error {
	samples, err := r.samples()
	if err != nil {
		return err
	}
	for _, s := range samples {
		b.samples++
		b.firstAt = min(b.firstAt, r.EventAt-s.Ago.Milliseconds())
		if s.Fault != 0 {
			b.faults++
			continue
		}
		b.lowest, b.highest = min(b.lowest, s.MilliC), max(b.highest, s.MilliC)
	}
	if r.Within > 2000 {
		b.undated++
	}
	b.firstEnd, b.lastAt = min(b.firstEnd, r.EventAt), max(b.lastAt, r.EventAt)
	b.sumAt, b.sumWithin = b.sumAt+r.EventAt, b.sumWithin+r.Within
	return nil
}

const rowsOfBlock = " FROM readings WHERE device_id = $1 AND incarnation = $2 AND number >= $3 AND number <= $4 AND sensor = $5"

// storeBlock puts a block in the place of its rows, unless they have been dated again since they were read, or one of them has become
// the newest of its sensor.
func (tx *Tx) storeBlock(ctx context.Context, b *newBlock, did *Packed) error {
	var rows, at, within int64
	args := []any{b.device, b.incarnation, b.firstNumber, b.lastNumber, b.sensor}
	err := tx.row(ctx, "SELECT COUNT(*), COALESCE(SUM(event_at), 0), COALESCE(SUM(uncertainty_ms), 0)"+rowsOfBlock, args...).Scan(&rows, &at, &within)
	if err != nil || rows != b.rowCount || at != b.sumAt || within != b.sumWithin {
		return err
	}
	newest, err := list(ctx, tx, scanStored, "SELECT "+storedColumns+" WHERE sensor = $1 ORDER BY event_at DESC, number DESC LIMIT 1", b.sensor)
	if err != nil {
		return err
	}
	if n := newest[0]; n.device == b.device && n.incarnation == b.incarnation && n.Number >= b.firstNumber && n.Number <= b.lastNumber {
		return nil
	}
	if b.series, err = tx.series(ctx, b.device, b.incarnation, b.sensor); err != nil {
		return err
	}
	if err := tx.write(ctx, "DELETE"+rowsOfBlock, args...); err != nil {
		return err
	}
	did.Rows, did.Samples, did.Blocks = did.Rows+int(rows), did.Samples+int(b.samples), did.Blocks+1
	return tx.write(ctx, `INSERT INTO reading_blocks (series_id, first_number, last_number, boot, first_at, first_end, last_at, samples, faults,
		min_milli_c, max_milli_c, undated, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, b.series, b.firstNumber,
		b.lastNumber, b.boot, b.firstAt, b.firstEnd, b.lastAt, b.samples, b.faults, b.lowest, b.highest, b.undated, b.body)
}

// series gives the number of a series, and makes it when there is none.
func (tx *Tx) series(ctx context.Context, device, incarnation, sensor string) (id int64, err error) {
	found, err := list(ctx, tx, scanInt, "SELECT id FROM reading_series WHERE device_id = $1 AND incarnation = $2 AND sensor = $3",
		device, incarnation, sensor)
	if err != nil {
		return 0, err
	}
	if len(found) > 0 {
		return found[0], nil
	}
	made, err := returning(ctx, tx, scanInt, `INSERT INTO reading_series (id, device_id, incarnation, sensor)
		SELECT COALESCE(MAX(id), 0) + 1, CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT) FROM reading_series RETURNING id`,
		device, incarnation, sensor)
	if err != nil {
		return 0, err
	}
	if len(made) != 1 {
		return 0, errors.New("a series of readings could not be made")
	}
	return made[0], nil
}
