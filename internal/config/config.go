// Package config reads a program's configuration the same way for all three: built-in defaults, then a YAML file
// (--config), then the environment, then flags; the later the stronger.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Common are the flags that every program has. Embed it in the struct of its command line.
type Common struct {
	Config    kong.ConfigFlag  `help:"YAML file with any of these flags, by name." placeholder:"FILE"`
	LogLevel  slog.Level       `help:"Least level to log: debug, info, warn, error." default:"info" env:"MEGURI_LOG_LEVEL"`
	LogFormat string           `help:"How to log: text or json." enum:"text,json" default:"text" env:"MEGURI_LOG_FORMAT"`
	Version   kong.VersionFlag `help:"Print the version and stop."`
}

// Logger is the structured log that the flags ask for.
func (c Common) Logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Exit statuses of every program.
const (
	ExitOK     = 0
	ExitFailed = 1 // it was understood and could not be done
	ExitUsage  = 2 // the command line or the configuration is wrong
)

// Main parses the command line into cli, runs the command that was named and gives the exit status. bind is called once cli is
// filled; Run methods of commands get what it gives. Help and version print and exit by themselves.
func Main(name, about, version string, cli any, bind func(*kong.Context) ([]any, error)) int {
	parser, err := kong.New(cli,
		kong.Name(name), kong.Description(about), kong.UsageOnError(),
		kong.Configuration(loadYAML), kong.Vars{"version": name + " " + version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return fail(name, err, ExitUsage)
	}
	ctx, err := parser.Parse(os.Args[1:])
	if err != nil {
		var usage *kong.ParseError
		if errors.As(err, &usage) {
			_ = usage.Context.PrintUsage(true)
		}
		return fail(name, err, ExitUsage)
	}
	bindings, err := bind(ctx)
	if err != nil {
		return fail(name, err, ExitUsage)
	}
	if err := ctx.Run(bindings...); err != nil {
		var usage *usageError
		if errors.As(err, &usage) {
			return fail(name, err, ExitUsage)
		}
		return fail(name, err, ExitFailed)
	}
	return ExitOK
}

// Usage marks the error of a command that found its command line wrong when it looked at the data: the status is ExitUsage.
func Usage(err error) error { return &usageError{err} }

type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }

func fail(name string, err error, status int) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return status
}

// loadYAML makes a resolver of a configuration file. Unlike kong's own it lets the environment win, and it refuses a key
// that no flag of the program has. Values are taken as they are written, so that a date or a number needs no quotes.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	nodes := map[string]yaml.Node{}
	if err := yaml.NewDecoder(r).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	values := fileResolver{}
	for key, node := range nodes {
		value, err := flagValue(&node)
		if err != nil {
			return nil, fmt.Errorf("configuration file line %d: %q: %w", node.Line, key, err)
		}
		values[key] = value
	}
	return values, nil
}

// flagValue is a value as a flag's text: a list has commas between its items.
func flagValue(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return flagValue(n.Alias)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", errors.New("want a value")
		}
		return n.Value, nil
	case yaml.SequenceNode:
		var words []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("want a list of plain values")
			}
			words = append(words, item.Value)
		}
		return strings.Join(words, ","), nil
	}
	return "", errors.New("want a value or a list of values")
}

// fileResolver has the values of a configuration file by flag.
type fileResolver map[string]string

// Validate refuses keys that are no flags of any command.
func (f fileResolver) Validate(app *kong.Application) error {
	var known []string
	for _, flags := range allFlags(app.Node) {
		known = append(known, flags.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(known, key) {
			return fmt.Errorf("configuration file: %q is no flag of this program", key)
		}
	}
	return nil
}

func allFlags(n *kong.Node) []*kong.Flag {
	flags := slices.Clone(n.Flags)
	for _, child := range n.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}

// Resolve gives a flag's value, unless the environment, which is the stronger, has one.
func (f fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f[flag.Name]
	if !ok || slices.ContainsFunc(flag.Envs, func(e string) bool { _, set := os.LookupEnv(e); return set }) {
		return nil, nil
	}
	return value, nil
}
