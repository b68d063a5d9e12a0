// Package app joins the hub: its store, the services of rules, the broker and the link to devices, the API and the pages.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/hub/admission"
	"meguri/hub/alarm/notify"
	"meguri/hub/api"
	"meguri/hub/backup"
	"meguri/hub/broker"
	"meguri/hub/check"
	"meguri/hub/door"
	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/live"
	"meguri/hub/oidc"
	"meguri/hub/order"
	"meguri/hub/passkey"
	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/pki"
	"meguri/hub/plan"
	"meguri/hub/quality"
	"meguri/hub/register"
	"meguri/hub/register/erased"
	"meguri/hub/rental"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/hub/token"
	"meguri/hub/web"
	"meguri/internal/clock"
	"meguri/internal/version"
)

// Config is what a hub needs to know. It listens where it is told and nowhere else.
type Config struct {
	Database string // sqlite:FILE or postgres://…
	HTTP     string // HOST:PORT of the API and the pages
	TLSCert  string // files; both empty for plain HTTP. They are read again when they change.
	TLSKey   string
	// MaxConnections bounds how many connections of people and programs are open, MaxConnectionsPerAddress those of one address that is
	// no proxy's; zero for DefaultConnections and DefaultConnectionsPerAddr.
	MaxConnections, MaxConnectionsPerAddress int
	// Proxies are the addresses of which the word is taken for whom they forward; see api.Config.
	Proxies []netip.Prefix
	// PublicAddress is where people reach the hub, as passkey.CheckAddress wants it; empty for one that follows from HTTP, or none.
	PublicAddress string
	// Company is a company's own login, by OpenID Connect; nil for none. The hub fills in where people are sent back to.
	Company *oidc.Config

	// PKI is the directory of the hub's certificate authority, made when there is none; see hub/pki.
	PKI string
	// PeopleKey seals what lets people in, as base64 text; empty for the file of password.KeyFile in PKI.
	PeopleKey string
	// LostKey says that the key that names and contacts are sealed with is lost for good: the hub starts with another one all the same.
	LostKey bool
	// The embedded broker listens at Broker, by certificates for BrokerNames: host names and addresses of the hub, besides those
	// of loopback. With BrokerURL an external one is used instead, whose certificate is signed by the hub's authority.
	Broker      string
	BrokerNames []string
	BrokerURL   string

	Payments Payments
	Programs Programs

	// Alarms says who is told of alarms that nobody acknowledges, and how; the hub fills in the rest.
	Alarms notify.Config

	// Returns says who is told that a customer's rental order has come back.
	Returns rental.Webhook

	Backups backup.Schedule
	// SafeAfterBackup lets devices delete only what is in a backup; else what is committed.
	SafeAfterBackup bool

	Clock  clock.Clock
	Zone   *time.Location // of the times that people read
	Logger *slog.Logger
	// Ready is told the addresses once everything answers; nil for nobody.
	Ready func(http, broker net.Addr)
}

// stopWithin is how long requests under way may take when the hub is told to stop.
const stopWithin = 5 * time.Second

// Run runs a hub until ctx ends, and returns nil then.
func Run(ctx context.Context, c Config) (err error) {
	secure, err := certificate(c)
	if err != nil {
		return err
	}
	release, err := store.Exclusive(c.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	s, err := store.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	authority, err := openAuthority(ctx, c, s)
	if err != nil {
		return err
	}

	vault, err := openVault(ctx, c, s)
	if err != nil {
		return err
	}
	if err := eraseAgain(ctx, c, s); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it came to that

	ctx, cancel := context.WithCancel(ctx) // of those who listen to the feed, when the start fails
	defer cancel()
	feed := live.New()
	tokens, err := token.Open(ctx, s, c.PKI, c.Clock.Now())
	if err != nil {
		return err
	}
	plans := plan.NewMaker(s, feed, c.Clock, c.Logger)
	safe, err := newSafe(ctx, c, s)
	if err != nil {
		return err
	}
	goods := &quality.Service{Store: s, Touch: plans.Touch}
	receiver := newReceiver(ctx, c, s, goods, plans, feed, safe)
	g, ctx := errgroup.WithContext(ctx)
	gate := admission.New(admission.Config{Store: s, Clock: c.Clock, Changed: feed.Changed, Logger: c.Logger})
	embedded, err := startBroker(c, authority, gate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, embedded.Close()) }()
	mqtt := newMQTT(ctx, c, authority, embedded, receiver, feed)
	orders := order.NewService(s.Orders()).WithClock(c.Clock.Now)
	held := &holds{orders: orders, feed: feed, clock: c.Clock, logger: c.Logger, lookEvery: lookEvery(s.Writers())}
	held.start(ctx)
	till, err := openTill(c, s, orders, feed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, till.close()) }()
	if secure != nil {
		g.Go(func() error { return secure.watch(ctx) })
	}
	if c.PublicAddress, err = passkey.Address(c.PublicAddress, listener.Addr().String(), secure != nil); err != nil {
		return err
	}
	persons, err := newPeople(c, s, vault)
	if err != nil {
		return err
	}
	server, err := newServer(ctx, c, api.Config{Store: s, People: persons, Orders: orders, Paying: till.paying, Feed: feed, Touch: plans.Touch,
		Quality: goods, Sign: tokens.Sign, Reports: newPrinter(c, authority), Told: len(c.Alarms.Recipients) > 0}, secure)
	if err != nil {
		return err
	}
	tell, err := newTeller(c, s, feed)
	if err != nil {
		return err
	}
	d := &day{store: s, orders: orders, plans: plans, feed: feed, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return held.run(ctx) })
	g.Go(func() error { return plans.Run(ctx) })
	g.Go(func() error { return mqtt.Run(ctx) })
	g.Go(func() error { return gate.Watch(ctx, embedded, authority) })
	g.Go(func() error { return d.run(ctx) })
	judges := &judge{service: goods, feed: feed, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return judges.run(ctx) })
	g.Go(func() error { return tell.Run(ctx) })
	round := &rentals{store: s, keeper: rentalKeeper(plans), tell: rental.NewTeller(s, c.Returns, c.Logger), feed: feed, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return round.run(ctx) })
	looksOut := &watch{store: s, feed: feed, clock: c.Clock, zone: c.Zone, logger: c.Logger}
	g.Go(func() error { return looksOut.run(ctx) })
	seal := &seals{store: s, sign: authority.AuditSigner(), logger: c.Logger, dir: c.PKI}
	g.Go(func() error { return seal.run(ctx) })
	looks := &checks{service: check.NewService(s.Checks()), feed: feed, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return looks.run(ctx) })
	packs := &packings{store: s, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return packs.run(ctx) })
	keeps := &keeping{store: s.Retention(), seal: s.SealPlain, clock: c.Clock, zone: c.Zone, logger: c.Logger}
	g.Go(func() error { return keeps.run(ctx) })
	safe.run(ctx, g, c, s, feed.Changed)
	till.run(ctx, g, c, listener.Addr())
	g.Go(func() error { return serve(ctx, server, limit(listener, c), c.Logger) })
	announce(c, listener.Addr(), embedded.Addr())
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	c.Logger.Info("hub was told to stop, and does")
	return nil
}

// newTeller makes who tells people of alarms. Without recipients it only keeps since when alarms call, for when there are some.
func newTeller(c Config, s *store.Store, feed *live.Feed) (*notify.Teller, error) {
	with := c.Alarms
	with.Store, with.Clock, with.Zone, with.Logger, with.Changed = s, c.Clock, c.Zone, c.Logger, feed.Changed
	if len(with.Recipients) == 0 {
		c.Logger.Warn("nobody is told of alarms by webhook or mail: they show on the page only")
	}
	return notify.New(with)
}

// newReceiver makes what takes the word of devices, and lets it catch up with what an older hub did not understand.
func newReceiver(ctx context.Context, c Config, s *store.Store, goods *quality.Service, plans *plan.Maker, feed *live.Feed, safe safety) *link.Receiver {
	r := link.NewReceiver(link.Config{Store: s, Effects: &effect.Effects{Touch: goods.Touch, Soon: plans.Soon, Hold: goods.DeviceHeld, Freed: goods.DeviceFreed,
		Taken: goods.Taken}, Owns: effect.Owns, Clock: c.Clock, Logger: c.Logger, Changed: feed.Changed, Greeted: goods.Touch, Forgotten: door.Forgotten, Safe: safe.hook(), Watch: quality.NewWatch()})
	if err := r.ApplyLate(ctx); err != nil { // it is tried again at the next start; devices are not kept waiting for it
		c.Logger.Error("cannot apply records that an older hub did not know", "error", err)
	}
	return r
}

// announce says that everything answers, and where.
func announce(c Config, http, broker net.Addr) {
	c.Logger.Info("hub runs", "http", http.String(), "broker", brokerName(c, broker), "version", version.Text())
	if c.Ready != nil {
		c.Ready(http, broker)
	}
}

// brokerName says where devices have to go.
func brokerName(c Config, embedded net.Addr) string {
	if c.BrokerURL != "" {
		return c.BrokerURL
	}
	return embedded.String()
}

// loopback are names of the machine itself, which every broker's certificate is for.
var loopback = [...]string{"localhost", "127.0.0.1", "::1"}

// startBroker makes the embedded broker. With an external one it does not listen and nobody is in it.
func startBroker(c Config, authority *pki.Authority, gate *admission.Gate) (*broker.Broker, error) {
	certificate, err := authority.BrokerCertificate(append(loopback[:], c.BrokerNames...))
	if err != nil {
		return nil, err
	}
	b := broker.New(broker.Config{Certificate: certificate, CA: authority.Roots(), Auth: gate.Auth, TwoPlaces: gate.TwoPlaces, Logger: c.Logger})
	if c.BrokerURL != "" {
		return b, nil
	}
	if err := b.Listen(c.Broker); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// openAuthority opens the certificate authority, and says what keeps devices from logging in that nobody would notice here.
func openAuthority(ctx context.Context, c Config, s *store.Store) (*pki.Authority, error) {
	authority, err := admission.Authority(ctx, s, c.PKI)
	if err != nil {
		return nil, err
	}
	var without int
	err = s.Read(ctx, func(tx *store.Tx) (err error) {
		_, without, err = tx.CertificateCounts(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if without > 0 {
		c.Logger.Warn("devices without a certificate cannot log in: hub device list shows them, hub device renew makes one", "devices", without)
	}
	if host, _, err := net.SplitHostPort(c.Broker); err == nil && c.BrokerURL == "" && len(c.BrokerNames) == 0 {
		if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
			c.Logger.Warn("devices on other machines will refuse the broker's certificate: say by what name they reach it, with --broker-name", "broker", c.Broker)
		}
	}
	return authority, nil
}

// newMQTT makes the hub's side of its broker.
func newMQTT(ctx context.Context, c Config, authority *pki.Authority, b *broker.Broker, r *link.Receiver, f *live.Feed) *link.MQTT {
	cfg := link.MQTTConfig{Receiver: r, URL: c.BrokerURL, User: broker.HubUser, Wake: f.Subscribe(ctx), Logger: c.Logger}
	if c.BrokerURL == "" {
		cfg.URL, cfg.Dial = "tcp://embedded", b.Dial
	} else {
		cfg.TLS = authority.HubTLS()
	}
	return link.NewMQTT(cfg)
}

// newServer makes what answers people and programs; of the API's configuration it is told what differs from hub to hub.
func newServer(ctx context.Context, c Config, with api.Config, secure *keyPair) (*http.Server, error) {
	var err error
	if with.Tokens, err = newChecker(ctx, c, with.Store, with.People); err != nil {
		return nil, err
	}
	with.Clock, with.Logger = c.Clock, c.Logger
	with.NoteErased = func(e register.Erasure) error { return erased.Note(c.PKI, e) }
	with.TLS, with.Proxies, with.Version = c.TLSCert != "", c.Proxies, version.Text()
	if with.Company, err = newCompany(c); err != nil {
		return nil, err
	}
	a, router, err := api.New(with)
	if err != nil {
		return nil, err
	}
	if _, err := web.Register(router, web.Config{API: a, Zone: c.Zone}); err != nil {
		return nil, err
	}
	server := api.Server(ctx, router, c.Logger)
	if secure != nil {
		server.TLSConfig = secure.config()
	}
	return server, nil
}

// openVault opens the vault of people's secrets, by which the store reads and writes names as well.
func openVault(ctx context.Context, c Config, s *store.Store) (*people.Vault, error) {
	var sealed bool
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		sealed, err = tx.HasSealed(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	vault, err := password.Vault(c.PeopleKey, c.PKI, sealed)
	if err != nil {
		return nil, err
	}
	if err := s.SealNames(ctx, vault); err != nil && !(c.LostKey && errors.Is(err, people.ErrOtherKey)) {
		return nil, err
	}
	return vault, s.Read(ctx, func(tx *store.Tx) error {
		n, err := tx.UnreadableNames(ctx)
		if n > 0 {
			c.Logger.Warn("names are sealed with another key than this hub's, and can be read by nobody here: is it the right key?", "names", n)
		}
		return err
	})
}

// newPeople makes what knows persons and lets them in.
func newPeople(c Config, s *store.Store, vault *people.Vault) (*people.Service, error) {
	svc := people.New(s.People())
	svc.Vault = vault
	svc.Passwords = password.New(password.Default)
	return svc, takePasskeys(c, svc)
}

// takePasskeys lets people in by passkeys, where it is known at which address.
func takePasskeys(c Config, svc *people.Service) error {
	if c.PublicAddress == "" {
		c.Logger.Info("no passkeys are taken: say by --public-address where people reach the hub")
		return nil
	}
	keys, err := passkey.New(c.PublicAddress)
	if err == nil { // a nil *Keys in the interface would not be nil
		svc.Keys = keys
	}
	return err
}

// newCompany makes what signs people in by the company's own login; nil where there is none.
func newCompany(c Config) (api.Company, error) {
	if c.Company == nil {
		return nil, nil
	}
	if c.PublicAddress == "" {
		return nil, errors.New("a company's login sends people back to the hub: say by --public-address where that is")
	}
	with := *c.Company
	with.Back = c.PublicAddress + "/login/company/back"
	return oidc.New(with)
}

// newPrinter makes what signs reports, with a key of the authority.
func newPrinter(c Config, authority *pki.Authority) *report.Printer {
	zone := c.Zone
	if zone == nil {
		zone = time.Local
	}
	return &report.Printer{Zone: zone, Signer: authority.ReportSigner(), Now: time.Now}
}

func serve(ctx context.Context, server *http.Server, l net.Listener, logger *slog.Logger) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			logger.Warn("requests under way were cut off", "error", errors.Join(err, server.Close()))
		}
	}()
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("HTTP: %w", err)
	}
	<-stopped
	return nil
}
