// Package config reads a program's configuration the same way for all three: built-in defaults, then a YAML file
// (--config), then the environment, then flags; the later the stronger.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// Main parses the command line into cli, runs the command that was named and gives the exit status. Run methods of commands
// get the bindings. Help and version print and exit by themselves.
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
		return fail(name, err, ExitFailed)
	}
	return ExitOK
}

func fail(name string, err error, status int) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return status
}

// loadYAML makes a resolver of a configuration file. Unlike kong's own it lets the environment win, and it refuses a key
// that no flag of the command has.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return fileResolver(values), nil
}

type fileResolver map[string]any

func (f fileResolver) Validate(app *kong.Application) error {
	var known []string
	for _, flags := range allFlags(app.Node) {
		known = append(known, flags.Name)
	}
	for key := range f {
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

func (f fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f[flag.Name]
	if !ok || slices.ContainsFunc(flag.Envs, func(e string) bool { _, set := os.LookupEnv(e); return set }) {
		return nil, nil
	}
	if list, ok := value.([]any); ok {
		var words []string
		for _, v := range list {
			words = append(words, fmt.Sprint(v))
		}
		return strings.Join(words, ","), nil
	}
	return fmt.Sprint(value), nil
}
