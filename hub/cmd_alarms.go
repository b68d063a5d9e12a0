package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/alarm/notify"
	"meguri/hub/people"
	"meguri/hub/store"
)

// AlarmFlags say who is told of alarms that nobody acknowledges. Secrets come from files or the environment only.
type AlarmFlags struct {
	AlarmWebhook           []string `help:"Tell this address, by signed JSON: https://HOST/PATH." env:"MEGURI_ALARM_WEBHOOK" placeholder:"URL"`
	AlarmWebhookSecretFile string   `help:"File with the secret that webhooks are signed with; else the variable MEGURI_ALARM_WEBHOOK_SECRET." env:"MEGURI_ALARM_WEBHOOK_SECRET_FILE" type:"existingfile"`
	AlarmMail              []string `help:"Mail this person: [ROLE=]ADDRESS[/ja], ROLE being dispatcher, quality, kitting or admin; without one, of all alarms." env:"MEGURI_ALARM_MAIL" placeholder:"ROLE=ADDRESS/LANG"`
	AlarmMailFrom          string   `help:"Address that mails are from." env:"MEGURI_ALARM_MAIL_FROM" placeholder:"ADDRESS"`
	AlarmSMTP              string   `help:"Mail server, with STARTTLS: HOST:PORT." env:"MEGURI_ALARM_SMTP" name:"alarm-smtp" placeholder:"HOST:PORT"`
	AlarmSMTPUser          string   `help:"User at the mail server." env:"MEGURI_ALARM_SMTP_USER" name:"alarm-smtp-user"`
	AlarmSMTPPasswordFile  string   `help:"File with the password at the mail server; else the variable MEGURI_ALARM_SMTP_PASSWORD." env:"MEGURI_ALARM_SMTP_PASSWORD_FILE" name:"alarm-smtp-password-file" type:"existingfile"`
	AlarmURL               string   `help:"Where people reach the hub, for the link to an alarm: https://HOST." env:"MEGURI_URL" name:"alarm-url" placeholder:"URL"`
}

// config reads the secrets and says what is wrong.
func (f *AlarmFlags) config() (c notify.Config, err error) {
	c = notify.Config{URL: f.AlarmURL, Mail: notify.Post{Server: f.AlarmSMTP, From: f.AlarmMailFrom, User: f.AlarmSMTPUser}}
	if u, err := url.Parse(f.AlarmURL); f.AlarmURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return c, fmt.Errorf("--alarm-url %q: want https://HOST", f.AlarmURL)
	}
	if c.Hook.Secret, err = secret(f.AlarmWebhookSecretFile, "MEGURI_ALARM_WEBHOOK_SECRET"); err != nil {
		return c, fmt.Errorf("--alarm-webhook-secret-file: %w", err)
	}
	if f.AlarmSMTPUser != "" {
		if c.Mail.Password, err = secret(f.AlarmSMTPPasswordFile, "MEGURI_ALARM_SMTP_PASSWORD"); err != nil {
			return c, fmt.Errorf("--alarm-smtp-password-file: %w", err)
		}
	}
	for _, to := range f.AlarmWebhook {
		c.Recipients = append(c.Recipients, alarm.Recipient{Channel: alarm.Webhook, To: to, Language: "en"})
	}
	for _, text := range f.AlarmMail {
		r, err := mailTo(text)
		if err != nil {
			return c, err
		}
		c.Recipients = append(c.Recipients, r)
	}
	return c, notify.CheckRecipients(c.Recipients, c.Hook, c.Mail)
}

// mailTo reads [ROLE=]ADDRESS[/LANG].
func mailTo(text string) (r alarm.Recipient, err error) {
	r = alarm.Recipient{Channel: alarm.Mail, To: text, Language: "en"}
	if role, address, ok := strings.Cut(text, "="); ok {
		if !slices.Contains([]string{alarm.Dispatcher, alarm.Quality, alarm.Kitting, alarm.Admin}, role) {
			return r, fmt.Errorf("--alarm-mail %q: want dispatcher, quality, kitting or admin before =", text)
		}
		r.Role, r.To = role, address
	}
	if address, lang, ok := strings.Cut(r.To, "/"); ok {
		if lang != "en" && lang != "ja" {
			return r, fmt.Errorf("--alarm-mail %q: want en or ja after /", text)
		}
		r.To, r.Language = address, lang
	}
	return r, nil
}

// AlarmsCmd is `hub alarms`.
type AlarmsCmd struct {
	List        AlarmsListCmd        `cmd:"" help:"List alarms that are not over."`
	Show        AlarmsShowCmd        `cmd:"" help:"Print one alarm with all that happened to it."`
	Acknowledge AlarmsAcknowledgeCmd `cmd:"" help:"Say that somebody deals with an alarm."`
	Shelve      AlarmsShelveCmd      `cmd:"" help:"Put an alarm aside for a while."`
	Reset       AlarmsResetCmd       `cmd:"" help:"Take the latch off an alarm that is right again."`
	Maintenance MaintenanceCmd       `cmd:"" help:"Positions out of service, whose alarms call nobody."`
	Test        AlarmsTestCmd        `cmd:"" help:"Send a test to everybody who is told of alarms, with the flags of hub serve."`
}

// AlarmsTestCmd is `hub alarms test`.
type AlarmsTestCmd struct{ AlarmFlags }

// Run sends the tests, and fails when one did not arrive.
func (c *AlarmsTestCmd) Run(g *Globals) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	if len(config.Recipients) == 0 {
		return errors.New("nobody is told of alarms: see --alarm-webhook and --alarm-mail")
	}
	config.Clock, config.Logger = g.Clock, g.Logger
	teller, err := notify.New(config)
	if err != nil {
		return err
	}
	failed := 0
	_ = teller.Test(g.Ctx, g.Clock.Now(), func(r alarm.Recipient, err error) {
		to := r.To
		if r.Channel == alarm.Webhook { // whose path may be a secret
			u, _ := url.Parse(r.To)
			to = u.Scheme + "://" + u.Host
		}
		if err != nil {
			failed++
			fmt.Fprintf(g.Stdout, "%s %s: not told: %v\n", r.Channel, to, err)
			return
		}
		fmt.Fprintf(g.Stdout, "%s %s: told\n", r.Channel, to)
	})
	if failed > 0 {
		return fmt.Errorf("%d of %d could not be told", failed, len(config.Recipients))
	}
	return nil
}

// AlarmsListCmd is `hub alarms list`.
type AlarmsListCmd struct {
	All   bool   `help:"Those that are over, too."`
	Owner string `help:"Only of this role." placeholder:"ROLE"`
	Place string `help:"Only at this location or spot." placeholder:"ID"`
}

// Run prints a table.
func (c *AlarmsListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var all []store.AlarmLine
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			all, err = tx.AlarmLines(g.Ctx, store.AlarmFilter{All: c.All, Owner: c.Owner, Place: c.Place}, g.Clock.Now(), store.MaxPage)
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "RAISED\tSTATE\tPRIORITY\tOWNER\tKIND\tSUBJECT\tDETAIL\tID")
		for _, a := range all {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", a.Raised.Format(time.RFC3339), a.State, a.About.Priority, a.About.Owner, a.Kind,
				a.Subject, a.Detail, a.ID)
		}
		return w.Flush()
	})
}

// AlarmsShowCmd is `hub alarms show`.
type AlarmsShowCmd struct {
	ID string `arg:"" help:"The alarm's id, from hub alarms list."`
}

// Run prints the alarm.
func (c *AlarmsShowCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error { return c.print(g, tx) })
	})
}

func (c *AlarmsShowCmd) print(g *Globals, tx *store.Tx) error {
	a, err := tx.AlarmLife(g.Ctx, c.ID)
	if err != nil {
		return err
	}
	lines, err := tx.Stand(g.Ctx, []alarm.Alarm{a}, g.Clock.Now())
	if err != nil {
		return err
	}
	l := lines[0]
	fmt.Fprintf(g.Stdout, "%s: %s at %s\nstate: %s, revision %d, for %s\nwhat follows: %s\nwhat to do: %s\n", l.ID, l.About.Title.EN, l.Subject,
		l.State, l.Revision, l.About.Owner, l.About.Consequence.EN, l.About.Action.EN)
	if f, ok, err := tx.ForecastOf(g.Ctx, a, g.Clock.Now()); err != nil {
		return err
	} else if ok {
		fmt.Fprintf(g.Stdout, "%s reaches its limit in about %d minutes\n", f.Fridge, int(f.Left.Minutes()))
	}
	history, err := tx.AlarmHistory(g.Ctx, c.ID, store.MaxPage)
	for _, h := range history {
		fmt.Fprintf(g.Stdout, "%s  %s  %s  %s\n", h.At.Format(time.RFC3339), h.What, h.By, h.Detail)
	}
	if err != nil {
		return err
	}
	told, err := tx.NoticesOf(g.Ctx, c.ID, store.MaxPage)
	for _, n := range told {
		outcome := n.Outcome
		if outcome == "" {
			outcome = "waits"
		}
		fmt.Fprintf(g.Stdout, "%s  told by %s, stage %d: %s after %d tries %s\n", n.Made.Format(time.RFC3339), n.Channel, n.Stage, outcome, n.Tries, n.Problem)
	}
	return err
}

// AlarmsAcknowledgeCmd is `hub alarms acknowledge`.
type AlarmsAcknowledgeCmd struct {
	ID       string `arg:"" help:"The alarm's id."`
	Revision int    `help:"That was looked at." default:"1"`
}

// Run acknowledges it.
func (c *AlarmsAcknowledgeCmd) Run(g *Globals) error {
	return doToAlarm(g, c.ID, alarm.Wish{Verb: alarm.Acknowledge, Revision: c.Revision})
}

// AlarmsShelveCmd is `hub alarms shelve`.
type AlarmsShelveCmd struct {
	ID      string `arg:"" help:"The alarm's id."`
	Minutes int    `help:"For so long, 720 at most." default:"60"`
	Once    bool   `help:"Also only until it clears."`
	Reason  string `help:"Why." required:""`
}

// Run shelves it.
func (c *AlarmsShelveCmd) Run(g *Globals) error {
	return doToAlarm(g, c.ID, alarm.Wish{Verb: alarm.PutOnShelf, Minutes: c.Minutes, Once: c.Once, Reason: c.Reason})
}

// AlarmsResetCmd is `hub alarms reset`.
type AlarmsResetCmd struct {
	ID string `arg:"" help:"The alarm's id."`
}

// Run resets it.
func (c *AlarmsResetCmd) Run(g *Globals) error {
	return doToAlarm(g, c.ID, alarm.Wish{Verb: alarm.ResetLatch})
}

// doToAlarm does it as whoever is at the console.
func doToAlarm(g *Globals, id string, w alarm.Wish) error {
	w.By = people.Console
	now := g.Clock.Now()
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			_, err := tx.ChangeAlarm(g.Ctx, id, func(a alarm.Alarm) (alarm.Alarm, alarm.Transition, error) { return w.Do(a, now) })
			if err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, w.By, "alarm."+string(w.Verb), id, w.Reason))
		})
	})
}
