// Command hub holds orders, capacity assignment and rental-item state, and shows it all on a dashboard.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/internal/config"
	"meguri/internal/version"
)

type commandLine struct {
	config.Common

	Data          string `help:"Directory that holds the hub's files." default:"./data" env:"MEGURI_DATA" type:"path" placeholder:"DIR"`
	Database      string `help:"Database: sqlite:FILE or postgres://… (default: hub.db in the data directory)." env:"MEGURI_DATABASE"`
	DatabaseFile  string `help:"File whose one line is that, for a URL with a password." env:"MEGURI_DATABASE_FILE" type:"existingfile" placeholder:"FILE"`
	PeopleKeyFile string `help:"File with the key that seals names, contacts and what lets people in, 32 random bytes in base64; else the variable MEGURI_PEOPLE_KEY, else people.key beside the hub's other keys, which is made." env:"MEGURI_PEOPLE_KEY_FILE" type:"existingfile" placeholder:"FILE"`
	LostKey       bool   `help:"The key that names and contacts are sealed with is lost for good: go on with another one. What it has sealed stays unreadable; enter names anew with hub person name."`
	Clock         string `help:"Run on another clock, START@ANCHOR*RATE (for demonstrations)." env:"MEGURI_CLOCK" hidden:""`

	Serve       ServeCmd       `cmd:"" help:"Run the hub: API, dashboard, broker."`
	Import      ImportCmd      `cmd:"" help:"Load a network from CSV files."`
	Order       OrderCmd       `cmd:"" help:"Place orders."`
	Packing     PackingCmd     `cmd:"" help:"Print what a shop packs for a date."`
	Sheet       SheetCmd       `cmd:"" help:"Print a driver's sheet."`
	Check       CheckCmd       `cmd:"" help:"Say what is broken in future assignments, and repair it."`
	Outage      OutageCmd      `cmd:"" help:"Put things out of service on a date, and back."`
	Limit       LimitCmd       `cmd:"" help:"Set how much of a product is sold for a date."`
	Calloff     CallOffCmd     `cmd:"" help:"Call off a location's delivery or a run."`
	Exception   ExceptionCmd   `cmd:"" help:"Change something after cutoff."`
	History     HistoryCmd     `cmd:"" help:"Print how a location's containers stood at a time, as known at a time."`
	Quality     QualityCmd     `cmd:"" help:"Goods that may have been too warm or too cold: list, hold, release, condemn."`
	Alarms      AlarmsCmd      `cmd:"" help:"List and answer alarms, and test who is told of them."`
	Rental      RentalCmd      `cmd:"" help:"Pieces of a rental warehouse: their life, promises, bags, cleaning and repair."`
	Calibration CalibrationCmd `cmd:"" help:"When probes were calibrated, and until when that holds."`
	Device      DeviceCmd      `cmd:"" help:"Add, list, renew and revoke devices."`
	Backup      BackupCmd      `cmd:"" help:"Copy all data to a new file, also while the hub runs, and check the copy."`
	Backups     BackupsCmd     `cmd:"" help:"List the newest backups."`
	Restore     RestoreCmd     `cmd:"" help:"Put a backup back."`
	Aside       AsideCmd       `cmd:"" help:"Databases that a restore has set aside: list them, drop one."`
	GS1         GS1Cmd         `cmd:"" name:"gs1" help:"Say what barcodes hold, or why they do not scan."`
	Label       LabelCmd       `cmd:"" help:"Draw labels with GS1 barcodes as ZPL or PDF."`
	Readings    ReadingsCmd    `cmd:"" help:"Export and pack readings."`
	Report      ReportCmd      `cmd:"" help:"Write the signed report of a container's journey."`
	Verify      VerifyCmd      `cmd:"" name:"verify-report" help:"Say whether a report is as a hub has signed it, by whom and when."`
	Ledger      LedgerCmd      `cmd:"" help:"Say what the hub has and lacks of a device's readings, and why."`
	CA          CACmd          `cmd:"" name:"ca" help:"Certificates for a broker other than the embedded one."`
	Token       TokenCmd       `cmd:"" help:"Signed tokens that open doors, and the keys that sign them."`
	Pay         PayCmd         `cmd:"" help:"Try out payments."`
	Person      PersonCmd      `cmd:"" help:"Add, list and remove persons."`
	Customer    CustomerCmd    `cmd:"" help:"Who stands behind a pseudonym: enter, show, find and change customers."`
	Retention   RetentionCmd   `cmd:"" help:"For how long which data are kept: print, set, and delete now what is older."`
	Staging     StagingCmd     `cmd:"" help:"Copy the database for development, with invented persons and no secret."`
	Business    BusinessCmd    `cmd:"" help:"Several businesses on one hub: add, list, rename."`
	Badge       BadgeCmd       `cmd:"" help:"Badges of people who work with a warehouse's scanners: add, list, revoke."`
	Client      ClientCmd      `cmd:"" help:"Register programs that use the API, and say what they may do."`
	Rights      RightsCmd      `cmd:"" help:"Print who may do what: roles and routes."`
	Audit       AuditCmd       `cmd:"" help:"Who did what to what: show, export and verify the audit trail."`
	Admin       AdminCmd       `cmd:"" help:"The first administrator."`
}

// Globals is what every command gets.
type Globals struct {
	Ctx           context.Context // ends on SIGINT and SIGTERM
	DataDir       string
	Database      string
	PeopleKeyFile string // of the key of people's secrets; see peopleKey
	LostKey       bool   // the one that names and contacts are sealed with, for good
	Clock         clock.Clock
	Logger        *slog.Logger
	Stdout        io.Writer
}

// OpenStore opens the configured database. It makes none: behind a wrong --data there would be an empty one.
func (g *Globals) OpenStore() (*store.Store, error) {
	file, ok := strings.CutPrefix(g.Database, "sqlite:")
	if _, err := os.Stat(file); ok && errors.Is(err, os.ErrNotExist) {
		if _, half := os.Lstat(file + store.Partial); half != nil { // which store.Open tells of
			return nil, fmt.Errorf("there is no database %s: see --data and --database; hub import makes one", file)
		}
	}
	return store.Open(g.Ctx, g.Database)
}

// MakeStore opens the configured database, and makes it when it is missing.
func (g *Globals) MakeStore() (*store.Store, error) {
	if err := os.MkdirAll(g.DataDir, 0o700); err != nil {
		return nil, err
	}
	return store.Open(g.Ctx, g.Database)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var cli commandLine
	os.Exit(config.Main("hub", "The hub of Meguri: orders, capacity, rental items, devices and the dashboard.",
		version.Text(), &cli, func(*kong.Context) ([]any, error) {
			c, err := clock.Parse(cli.Clock)
			if err != nil {
				return nil, err
			}
			if cli.Database, err = databaseURL(cli.Database, cli.DatabaseFile, os.Args[1:]); err != nil {
				return nil, err
			}
			if cli.Database == "" {
				cli.Database = "sqlite:" + filepath.Join(cli.Data, "hub.db")
			}
			if err := store.CheckURL(cli.Database); err != nil {
				return nil, err
			}
			return []any{&Globals{Ctx: ctx, DataDir: cli.Data, Database: cli.Database, PeopleKeyFile: cli.PeopleKeyFile, LostKey: cli.LostKey, Clock: c,
				Logger: cli.Logger(os.Stderr), Stdout: os.Stdout}}, nil
		}))
}
