// Command wearstream is the whole product in one binary: every service, what
// brings recordings in, and what proves that nothing was lost. A file a
// subcommand, and wiring only: what a service does stands in its package.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the list of names: flags, environment (WEARSTREAM_MQTT_LISTEN) and YAML
// keys (mqtt.listen) are all made from it.
type cli struct {
	Config configFile `name:"config" placeholder:"FILE" help:"YAML file with the same names as the flags, such as mqtt.listen."`
	JSON   bool       `name:"json" help:"Print the result as JSON on stdout."`
	Debug  bool       `name:"debug" help:"Log more, to stderr."`

	Up          upCmd          `cmd:"" group:"start" help:"Run everything on this machine."`
	Replay      replayCmd      `cmd:"" group:"start" help:"Play recordings as devices, over MQTT with their own certificates."`
	Features    featuresCmd    `cmd:"" group:"start" help:"Turn recordings into feature Parquet, without any service."`
	Gateway     gatewayCmd     `cmd:"" group:"part" help:"Take what devices publish and write it to the log."`
	Bridge      bridgeCmd      `cmd:"" group:"part" help:"Take what devices publish from an existing MQTT broker."`
	Process     processCmd     `cmd:"" group:"part" help:"Compute windows of features from the log."`
	Adhere      adhereCmd      `cmd:"" group:"part" help:"Follow participants: pairs of both wrists."`
	Sink        sinkCmd        `cmd:"" group:"part" help:"Land the log in objects or ClickHouse."`
	Score       scoreCmd       `cmd:"" group:"part" help:"Ask a model of your own about windows, and store what it answers."`
	Engine      engineCmd      `cmd:"" group:"part" help:"Run the embedded ClickHouse; up starts it by itself."`
	Participant participantCmd `cmd:"" group:"study" help:"Say whose sensor it is."`
	Verify      verifyCmd      `cmd:"" group:"evidence" help:"Prove that nothing was lost or counted twice."`
	Check       checkCmd       `cmd:"" group:"operate" help:"Dial everything, print the effective configuration, say what is wrong."`
	Doctor      doctorCmd      `cmd:"" group:"operate" help:"Walk the path of a sample, with a canary through all parts."`
	Certs       certsCmd       `cmd:"" group:"operate" help:"Development certificates, offline."`
	Version     versionCmd     `cmd:"" group:"operate" help:"Print the version."`
}

// env is what a command gets from its surroundings.
type env struct {
	log            *slog.Logger
	json           bool
	stdout, stderr io.Writer
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes (surface, section 1).
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFound       = 3 // ran, and found what it looks for
	exitUnreachable = 5
	exitInterrupted = 130
)

// exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error       { return coded(exitUsage, err) }
func unreachable(err error) error { return coded(exitUnreachable, err) }

func coded(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("wearstream"),
		kong.Description("Streaming telemetry processor for wearables in clinical trials.\n\nStart here: wearstream up, then wearstream replay FILE..."),
		kong.UsageOnError(), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code; panic(exiting{}) }),
		kong.DefaultEnvars("WEARSTREAM"), kong.Configuration(loadYAML),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "start", Title: "Start here"}, {Key: "part", Title: "Run one part"}, {Key: "study", Title: "Study"},
			{Key: "evidence", Title: "Evidence"}, {Key: "operate", Title: "Operate"},
		}),
		kong.Vars{"home": defaultData()},
	)
	if err != nil {
		panic(err) // a fault in the list of names, found by any test
	}
	ctx, code := parse(parser, args, &exited, stderr)
	if ctx == nil {
		return code
	}
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	e := &env{slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})), c.JSON, stdout, stderr}
	sig, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx.BindTo(sig, (*context.Context)(nil))
	return exitCode(ctx.Run(e), sig, stderr)
}

type exiting struct{}

// parse reads the command line. A nil context means that there is nothing to run.
func parse(parser *kong.Kong, args []string, exited *int, stderr io.Writer) (ctx *kong.Context, code int) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exiting); !ok {
				panic(r)
			}
			ctx, code = nil, *exited
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "wearstream: %v\n", err)
		return nil, exitUsage
	}
	return ctx, exitOK
}

func exitCode(err error, ctx context.Context, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		fmt.Fprintf(stderr, "wearstream: %v\n", e)
		return e.code
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "wearstream: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(stderr, "wearstream: %v\n", err)
	return exitFailed
}
