// Package report makes what leaves the hub as a file: readings as CSV, and the signed report of a container's journey.
package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// CSVColumns are the columns of an export of readings. Times are UTC; milli_c is empty where the sensor had a fault.
var CSVColumns = []string{"at", "sensor", "device_id", "number", "milli_c", "fault", "uncertainty_ms", "received_at"}

// csvPage is how many samples are in memory at a time.
const csvPage = 10_000

// WriteCSV writes the readings of a sensor in [from, until), in order of time, page by page: each page is one look at the data, and
// none is held longer than it takes to read it. flush, unless it is nil, is called behind each page. It returns how many there were.
func WriteCSV(ctx context.Context, s *store.Store, out io.Writer, sensor string, from, until time.Time, flush func()) (n int, err error) {
	w := csv.NewWriter(out)
	if err := w.Write(CSVColumns); err != nil {
		return 0, err
	}
	for begin := from; !begin.IsZero(); {
		var page []store.ReadingView
		var next time.Time
		if err := s.Read(ctx, func(tx *store.Tx) (err error) {
			page, next, err = tx.ReadingsOf(ctx, sensor, begin, until, csvPage)
			return err
		}); err != nil {
			return n, fmt.Errorf("readings of %s from %s: %w", sensor, begin.Format(time.RFC3339), err)
		}
		for i := range page {
			if err := w.Write(csvRow(&page[i])); err != nil {
				return n, err
			}
		}
		if w.Flush(); w.Error() != nil {
			return n, w.Error()
		}
		if flush != nil {
			flush()
		}
		n, begin = n+len(page), next
	}
	return n, nil
}

func csvRow(r *store.ReadingView) []string {
	value, fault := strconv.FormatInt(r.MilliC, 10), ""
	if r.Fault != 0 {
		value, fault = "", protocol.SensorFault(r.Fault).String()
	}
	return []string{r.At.UTC().Format(time.RFC3339Nano), r.Sensor, r.Device, strconv.FormatInt(r.Number, 10), value, fault,
		strconv.FormatInt(r.Within.Milliseconds(), 10), r.Received.UTC().Format(time.RFC3339Nano)}
}
