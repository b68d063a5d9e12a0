package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"meguri/hub/alarm"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// CalibrationCmd is `hub calibration`.
type CalibrationCmd struct {
	Add    CalibrationAddCmd    `cmd:"" help:"Say that a probe was calibrated."`
	Import CalibrationImportCmd `cmd:"" help:"Load calibrations from a CSV file: sensor,calibrated_on,due_on,certificate."`
	List   CalibrationListCmd   `cmd:"" help:"List the newest calibration of each probe, the first to be due first."`
}

// CalibrationAddCmd is `hub calibration add`.
type CalibrationAddCmd struct {
	Sensor      string `arg:"" help:"The probe: POSITION/NAME, such as yanaka-fridge-1/air."`
	On          string `help:"The day." required:"" placeholder:"DATE"`
	Due         string `help:"The last day on which it holds." required:"" placeholder:"DATE"`
	Certificate string `help:"Number of the certificate, or the reference that it was compared with."`
}

// Run stores it.
func (c *CalibrationAddCmd) Run(g *Globals) error {
	v, err := alarm.NewCalibrated(alarm.Calibrated{Sensor: c.Sensor, On: c.On, Due: c.Due, Certificate: c.Certificate})
	if err != nil {
		return err
	}
	return keepCalibrations(g, []alarm.Calibrated{v}, "calibration.add", v.Sensor, strings.TrimSpace(v.On+" to "+v.Due+" "+v.Certificate))
}

// CalibrationImportCmd is `hub calibration import`.
type CalibrationImportCmd struct {
	File string `arg:"" help:"The CSV file." type:"existingfile"`
}

// Run stores all rows or none. Doing it again changes nothing.
func (c *CalibrationImportCmd) Run(g *Globals) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	all, err := readCalibrations(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return keepCalibrations(g, all, "calibration.import", "calibrations", c.File+": "+plural.Of(len(all), "row"))
}

var calibrationColumns = []string{"sensor", "calibrated_on", "due_on", "certificate"}

// maxCalibrations bounds what is read of a file.
const maxCalibrations = 100_000

func readCalibrations(r io.Reader) ([]alarm.Calibrated, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil || !slices.Equal(head, calibrationColumns) {
		return nil, fmt.Errorf("row 1: want the columns %s", strings.Join(calibrationColumns, ","))
	}
	var all []alarm.Calibrated
	for row := 2; ; row++ {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		v, err := alarm.NewCalibrated(alarm.Calibrated{Sensor: cells[0], On: cells[1], Due: cells[2], Certificate: cells[3]})
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		if all = append(all, v); len(all) > maxCalibrations {
			return nil, fmt.Errorf("row %d: want at most %d rows", row, maxCalibrations)
		}
	}
}

// keepCalibrations stores them, and the act that it is.
func keepCalibrations(g *Globals, all []alarm.Calibrated, act, subject, detail string) error {
	now := g.Clock.Now()
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			for _, c := range all {
				position, _, _ := strings.Cut(c.Sensor, "/")
				has, err := tx.HasPosition(g.Ctx, position)
				if err != nil {
					return err
				}
				if !has {
					return fmt.Errorf("sensor %s: want a fridge or shipper of the imported network before /", c.Sensor)
				}
				if err := tx.AddCalibration(g.Ctx, c, people.Console, now); err != nil {
					return err
				}
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, act, subject, detail))
		})
	})
}

// CalibrationListCmd is `hub calibration list`.
type CalibrationListCmd struct{}

// Run prints a table.
func (c *CalibrationListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.Calibrations(g.Ctx)
			w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "SENSOR\tCALIBRATED\tDUE\tCERTIFICATE")
			for _, c := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Sensor, c.On, c.Due, c.Certificate)
			}
			return errors.Join(err, w.Flush())
		})
	})
}
