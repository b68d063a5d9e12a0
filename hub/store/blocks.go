package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/block"
)

// Readings stand in two places: as rows, and packed in blocks when they are some hours old. READINGS.md says what holds of them. The
// functions of this file read blocks as if they were rows.

// Bounds of what is packed, so that those who look for a time know how far away a block may begin.
const (
	maxBlockEnds  = 4 * 24 * time.Hour // between the first row's end and the last one's
	maxPackedSpan = 24 * time.Hour     // of a row
)

// storedRow is a row of readings, wherever it stands.
type storedRow struct {
	device, incarnation, sensor string
	boot                        int64
	block.Row
}

// compare orders rows by time, and those of one instant in some order that is always the same.
func (r *storedRow) compare(o *storedRow) int {
	return cmp.Or(cmp.Compare(r.EventAt, o.EventAt), cmp.Compare(r.incarnation, o.incarnation), cmp.Compare(r.Number, o.Number),
		cmp.Compare(r.device, o.device))
}

func (r *storedRow) samples() ([]Sample, error) {
	all, err := SamplesOf(r.Earlier, Sample{MilliC: r.MilliC, Fault: uint8(r.Fault)})
	if err != nil {
		return nil, fmt.Errorf("reading %d of %s: %w", r.Number, r.device, err)
	}
	return all, nil
}

func (r *storedRow) ledger() ledgerRow {
	return ledgerRow{sensor: r.sensor, incarnation: r.incarnation, number: uint64(r.Number), boot: uint64(r.boot), mono: r.Mono, event: r.EventAt,
		within: r.Within, span: r.Span, samples: int(r.Samples), faults: int(r.FaultCount), fault: uint8(r.Fault), earlier: r.Earlier}
}

const storedColumns = `device_id, incarnation, sensor, boot, number, mono, claimed_at, wall_quality, event_at, uncertainty_ms, received_at,
	milli_c, fault, span_ms, samples, faults, earlier FROM readings`

func scanStored(row scanner) (r storedRow, err error) {
	err = row.Scan(&r.device, &r.incarnation, &r.sensor, &r.boot, &r.Number, &r.Mono, &r.ClaimedAt, &r.Quality, &r.EventAt, &r.Within,
		&r.Received, &r.MilliC, &r.Fault, &r.Span, &r.Samples, &r.FaultCount, &r.Earlier)
	return r, err
}

// readingBlock is a block as stored. body is read only where rows are wanted.
type readingBlock struct {
	series                           int64
	device, incarnation, sensor      string
	firstNumber, lastNumber, boot    int64
	firstAt, firstEnd, lastAt        int64
	samples, faults, lowest, highest int64
	undated                          int64
	body                             []byte
}

const (
	blockHead = `b.series_id, s.device_id, s.incarnation, s.sensor, b.first_number, b.last_number, b.boot, b.first_at, b.first_end, b.last_at,
	b.samples, b.faults, b.min_milli_c, b.max_milli_c, b.undated`
	fromBlocks = " FROM reading_series s JOIN reading_blocks b ON b.series_id = s.id WHERE "
	blockRows  = "SELECT " + blockHead + ", b.body" + fromBlocks
	blockHeads = "SELECT " + blockHead + fromBlocks
)

func (b *readingBlock) head() []any {
	return []any{&b.series, &b.device, &b.incarnation, &b.sensor, &b.firstNumber, &b.lastNumber, &b.boot, &b.firstAt, &b.firstEnd, &b.lastAt,
		&b.samples, &b.faults, &b.lowest, &b.highest, &b.undated}
}

func scanBlock(row scanner) (b readingBlock, err error) {
	err = row.Scan(append(b.head(), &b.body)...)
	return b, err
}

func scanBlockHead(row scanner) (b readingBlock, err error) {
	err = row.Scan(b.head()...)
	return b, err
}

// rows unpacks a block.
func (b *readingBlock) rows() ([]storedRow, error) {
	packed, err := block.Decode(b.body)
	if err != nil {
		return nil, fmt.Errorf("readings %d to %d of %s of %s: %w", b.firstNumber, b.lastNumber, b.sensor, b.device, err)
	}
	all := make([]storedRow, len(packed))
	for i, p := range packed {
		all[i] = storedRow{b.device, b.incarnation, b.sensor, b.boot, p}
	}
	return all, nil
}

// unpacked gives the rows of all blocks of a query that keep wants.
func (tx *Tx) unpacked(ctx context.Context, keep func(*storedRow) bool, query string, args ...any) (all []storedRow, err error) {
	blocks, err := list(ctx, tx, scanBlock, query, args...)
	if err != nil {
		return nil, err
	}
	for i := range blocks {
		rows, err := blocks[i].rows()
		if err != nil {
			return nil, err
		}
		for j := range rows {
			if keep(&rows[j]) {
				all = append(all, rows[j])
			}
		}
	}
	return all, nil
}

// ofSensor is the condition for a sensor's blocks ($1), of one device ($2) or of all when that is empty.
const ofSensor = "s.sensor = $1 AND (s.device_id = $2 OR $2 = '') AND "

// packedBefore gives the last rows that end before a time, at most n, the newest first.
func (tx *Tx) packedBefore(ctx context.Context, sensor, device string, before int64, n int) (newest []storedRow, err error) {
	const page = 32
	last := readingBlock{firstEnd: before, series: -1}
	for {
		heads, err := list(ctx, tx, scanBlockHead, blockHeads+ofSensor+`(b.first_end, b.series_id, b.first_number) < ($3, $4, $5)
			ORDER BY b.first_end DESC, b.series_id DESC, b.first_number DESC LIMIT $6`, sensor, device, last.firstEnd, last.series,
			last.firstNumber, page)
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			full := len(newest) == n
			if full && newest[n-1].EventAt > h.firstEnd+maxBlockEnds.Milliseconds() {
				return newest, nil
			}
			if full && h.lastAt < newest[n-1].EventAt {
				continue
			}
			if newest, err = tx.addBefore(ctx, newest, h, before, n); err != nil {
				return nil, err
			}
		}
		if len(heads) < page {
			return newest, nil
		}
		last = heads[page-1]
	}
}

// addBefore adds the rows of a block that end before a time to the newest ones.
func (tx *Tx) addBefore(ctx context.Context, newest []storedRow, h readingBlock, before int64, n int) ([]storedRow, error) {
	rows, err := tx.unpacked(ctx, func(r *storedRow) bool { return r.EventAt < before },
		blockRows+"b.series_id = $1 AND b.first_number = $2", h.series, h.firstNumber)
	if err != nil {
		return nil, err
	}
	newest = append(newest, rows...)
	slices.SortFunc(newest, newestFirst)
	return newest[:min(n, len(newest))], nil
}

func newestFirst(a, b storedRow) int {
	return cmp.Or(cmp.Compare(b.EventAt, a.EventAt), cmp.Compare(b.Number, a.Number), b.compare(&a))
}

// packedFrom gives the first row that ends at a time or later, none or one.
func (tx *Tx) packedFrom(ctx context.Context, sensor, device string, from int64) ([]storedRow, error) {
	keep := func(r *storedRow) bool { return r.EventAt >= from }
	across, err := tx.unpacked(ctx, keep, blockRows+ofSensor+"b.first_end >= $3 AND b.first_end < $4 AND b.last_at >= $4", sensor, device,
		from-maxBlockEnds.Milliseconds(), from)
	if err != nil {
		return nil, err
	}
	behind, err := tx.unpacked(ctx, keep, blockRows+ofSensor+"b.first_end = (SELECT MIN(b.first_end)"+fromBlocks+ofSensor+"b.first_end >= $3)",
		sensor, device, from)
	all := append(across, behind...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return []storedRow{slices.MinFunc(all, func(a, b storedRow) int {
		return cmp.Or(cmp.Compare(a.EventAt, b.EventAt), cmp.Compare(a.Number, b.Number))
	})}, nil
}

// packedAcross gives the rows that end at a time or later and begin before it.
func (tx *Tx) packedAcross(ctx context.Context, sensor string, at int64) ([]storedRow, error) {
	return tx.unpacked(ctx, func(r *storedRow) bool { return r.EventAt >= at && r.EventAt-r.Span < at },
		blockRows+ofSensor+"b.first_end >= $3 AND b.first_end < $4 AND b.last_at >= $5 AND b.first_at < $5", sensor, "",
		at-maxBlockEnds.Milliseconds(), at+maxPackedSpan.Milliseconds(), at)
}

// unpackNumbers puts the rows of blocks back in which there are numbers from first to last: before they are changed.
func (tx *Tx) unpackNumbers(ctx context.Context, device, incarnation string, first, last uint64) error {
	blocks, err := list(ctx, tx, scanBlock, blockRows+"s.device_id = $1 AND s.incarnation = $2 AND b.first_number <= $3 AND b.last_number >= $4",
		device, incarnation, int64(min(last, 1<<63-1)), int64(min(first, 1<<63-1)))
	if err != nil {
		return err
	}
	return tx.unpack(ctx, blocks)
}

func (tx *Tx) unpack(ctx context.Context, blocks []readingBlock) error {
	for i := range blocks {
		b := &blocks[i]
		rows, err := b.rows()
		if err != nil {
			return err
		}
		values := make([]any, 0, len(rows)*len(insertReadings.kinds))
		for j := range rows {
			r := &rows[j]
			values = append(values, r.device, r.incarnation, r.Received, r.Number, r.sensor, r.boot, r.Mono, r.ClaimedAt, r.Quality,
				r.EventAt, r.Within, r.MilliC, r.Fault, r.Span, r.Samples, r.FaultCount, r.Earlier)
		}
		if _, err := insertReadings.run(ctx, tx, values); err != nil {
			return fmt.Errorf("unpack readings: %w", err)
		}
		if err := tx.write(ctx, "DELETE FROM reading_blocks WHERE series_id = $1 AND first_number = $2", b.series, b.firstNumber); err != nil {
			return err
		}
	}
	return nil
}

// unpackUndated puts back the blocks of a boot with rows that are not well dated, one by one in order of number, as far as they may
// belong to a page of them that ends with a number.
func (tx *Tx) unpackUndated(ctx context.Context, device, incarnation string, boot, after, last uint64) (found bool, err error) {
	blocks, err := list(ctx, tx, scanBlock, blockRows+`s.device_id = $1 AND s.incarnation = $2 AND b.boot = $3 AND b.undated > 0
		AND b.last_number > $4 AND b.first_number <= $5 ORDER BY b.first_number LIMIT 1`, device, incarnation, int64(boot), int64(after),
		int64(min(last, 1<<63-1)))
	if err != nil {
		return false, err
	}
	return len(blocks) > 0, tx.unpack(ctx, blocks)
}

// keepNewest sees that the newest row of each sensor of a device stands as a row, after some were dated again.
func (tx *Tx) keepNewest(ctx context.Context, device, incarnation string) error {
	sensors, err := list(ctx, tx, scanText, "SELECT sensor FROM reading_series WHERE device_id = $1 AND incarnation = $2", device, incarnation)
	if err != nil {
		return err
	}
	for _, sensor := range sensors {
		last, err := tx.LastReading(ctx, sensor)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		at := int64(-1 << 62)
		if err == nil {
			at = millis(last.Dated.At)
		}
		newer, err := list(ctx, tx, scanBlock, blockRows+"s.sensor = $1 AND b.first_end >= $2 AND b.last_at >= $3 ORDER BY b.last_at DESC LIMIT 4",
			sensor, at-maxBlockEnds.Milliseconds(), at)
		if err != nil {
			return err
		}
		if err := tx.unpack(ctx, newer); err != nil {
			return err
		}
	}
	return nil
}

// packedNumbers gives the rows of an incarnation with numbers first up to, without, next that are packed.
func (tx *Tx) packedNumbers(ctx context.Context, device, incarnation string, first, next uint64) ([]storedRow, error) {
	return tx.unpacked(ctx, func(r *storedRow) bool { return uint64(r.Number) >= first && uint64(r.Number) < next },
		blockRows+"s.device_id = $1 AND s.incarnation = $2 AND b.first_number < $3 AND b.last_number >= $4", device, incarnation,
		int64(min(next, 1<<63-1)), int64(min(first, 1<<63-1)))
}

// readingCursor reads the rows of a sensor in order of time, page by page: a database connection reads one thing at a time.
type readingCursor struct {
	sensor, device string // of all devices when device is empty
	last           storedRow
	until          int64 // rows that end before
	page           []storedRow
	size, blocks   int
	done           bool
}

const (
	firstReadingPage = 200
	maxReadingPage   = 2000
	blocksAtOnce     = 8
)

func newReadingCursor(sensor, device string, from, until int64) *readingCursor {
	return &readingCursor{sensor: sensor, device: device, last: storedRow{Row: block.Row{EventAt: from, Number: -1 << 62}}, until: until,
		size: firstReadingPage, blocks: 2}
}

const nextRows = "SELECT " + storedColumns + ` WHERE sensor = $1 AND event_at >= $2 AND event_at < $3
	AND (event_at > $2 OR (incarnation, number, device_id) > ($4, $5, $6)) `

// fill reads the next page when there is none left.
func (c *readingCursor) fill(ctx context.Context, tx *Tx) error {
	for len(c.page) == 0 && !c.done {
		if err := c.next(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// next reads rows and blocks. end is the time before which all are in hand; when the page of rows is full, all up to its last one.
func (c *readingCursor) next(ctx context.Context, tx *Tx) error {
	rows, err := c.nextRows(ctx, tx)
	if err != nil {
		return err
	}
	end, stop := c.until, (*storedRow)(nil)
	if len(rows) == c.size {
		last := rows[len(rows)-1]
		end, stop = last.EventAt+1, &last
	}
	blocks, err := list(ctx, tx, scanBlock, blockRows+ofSensor+`b.first_end >= $3 AND b.first_end < $4 AND b.last_at >= $5
		ORDER BY b.first_end LIMIT $6`, c.sensor, c.device, c.last.EventAt-maxBlockEnds.Milliseconds(), end, c.last.EventAt, c.blocks)
	if err != nil {
		return err
	}
	if len(blocks) == c.blocks {
		if first := blocks[len(blocks)-1].firstEnd; first > c.last.EventAt {
			end, stop = first, nil
		} else { // more begin at one instant than were read
			c.blocks *= 4
			return nil
		}
	}
	for i := range blocks {
		if blocks[i].firstEnd >= end {
			break
		}
		packed, err := blocks[i].rows()
		if err != nil {
			return err
		}
		rows = append(rows, packed...)
	}
	c.size, c.blocks = min(2*c.size, maxReadingPage), min(2*c.blocks, blocksAtOnce)
	c.take(rows, end, stop)
	return nil
}

func (c *readingCursor) nextRows(ctx context.Context, tx *Tx) ([]storedRow, error) {
	args := []any{c.sensor, c.last.EventAt, c.until, c.last.incarnation, c.last.Number, c.last.device, c.size}
	if c.device == "" {
		return list(ctx, tx, scanStored, nextRows+"ORDER BY event_at, incarnation, number, device_id LIMIT $7", args...)
	}
	return list(ctx, tx, scanStored, nextRows+"AND device_id = $8 ORDER BY event_at, incarnation, number, device_id LIMIT $7",
		append(args, c.device)...)
}

// take makes a page of the rows that end before end and lie behind the last page, up to stop if there is one.
func (c *readingCursor) take(rows []storedRow, end int64, stop *storedRow) {
	c.page = slices.DeleteFunc(rows, func(r storedRow) bool {
		return r.EventAt >= end || r.compare(&c.last) <= 0 || stop != nil && r.compare(stop) > 0
	})
	slices.SortFunc(c.page, func(a, b storedRow) int { return a.compare(&b) })
	if stop != nil {
		c.last = *stop
		return
	}
	c.last = storedRow{Row: block.Row{EventAt: end, Number: -1 << 62}}
	c.done = end == c.until
}
