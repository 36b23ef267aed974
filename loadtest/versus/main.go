package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the words of the command.
type options struct {
	bin     string
	out     string
	profile string
	only    string
	rounds  int
	time    time.Duration
	kills   int
	devices int
	batches int
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin/wearstream", "the program that is measured")
	flag.StringVar(&o.out, "out", "", "file for the table, beside stdout")
	flag.StringVar(&o.profile, "profile", "", "folder for a CPU profile of the processor")
	flag.StringVar(&o.only, "only", "", "only what has this in its name: a load, kill, process")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each load on each side, by turns; the median is reported")
	flag.DurationVar(&o.time, "time", 3*time.Second, "length of a run")
	flag.IntVar(&o.kills, "kills", 3, "kills of each process")
	flag.IntVar(&o.devices, "devices", 200, "devices in the processor's topic")
	flag.IntVar(&o.batches, "batches", 1500, "batches of 500 samples of each of them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "versus:", err)
		os.Exit(1)
	}
}

// run is the whole comparison on a Kafka of its own. NODES, as for the script of
// Kafka, makes it a cluster.
func run(ctx context.Context, o options) (err error) {
	st := stage{}
	if st.root, err = root(); err != nil {
		return err
	}
	if st.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if st.run, err = os.MkdirTemp("", "wearstream-versus-*"); err != nil {
		return err
	}
	defer func() {
		for _, part := range []string{"telegraf", "mosquitto", "kafka"} {
			_, serr := st.script(context.Background(), part, "stop")
			err = errors.Join(err, serr)
		}
		if err != nil {
			err = fmt.Errorf("%w (logs are in %s)", err, st.run)
			return
		}
		os.RemoveAll(st.run)
	}()
	progress("building Telegraf, where it is not there")
	if _, err := st.script(ctx, "telegraf", "fetch"); err != nil {
		return err
	}
	progress("starting Kafka")
	env, err := st.script(ctx, "kafka", "start")
	if err != nil {
		return err
	}
	st.brokers = strings.Split(env["WEARSTREAM_TEST_KAFKA"], ",")
	r, err := newReader(st.brokers)
	if err != nil {
		return err
	}
	defer r.adm.Close()

	var text strings.Builder
	if err := compare(ctx, st, r, o, &text); err != nil {
		return err
	}
	fmt.Print(text.String())
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text.String()), 0o644)
}

// compare runs everything and writes the report.
func compare(ctx context.Context, st stage, r *reader, o options, w io.Writer) error {
	ours := &gateway{stage: st}
	theirs := &peer{stage: st, conf: filepath.Join(st.root, "loadtest/versus/mosquitto.conf")}
	if err := writeHead(ctx, st, w); err != nil {
		return err
	}
	results, err := loadsOn(ctx, r, o, ours, theirs)
	if err != nil {
		return err
	}
	writeLoads(w, results, o)
	if strings.Contains("kill", o.only) {
		losses, err := killsOn(ctx, r, o, st, ours, theirs)
		if err != nil {
			return err
		}
		writeLosses(w, losses)
	}
	if strings.Contains("process", o.only) {
		progress("process: writing %d batches, then reading them", o.devices*o.batches)
		profile := ""
		if o.profile != "" {
			profile = filepath.Join(o.profile, "process.prof")
		}
		t, err := processed(ctx, st, r, "versus", o.devices, o.batches, profile)
		if err != nil {
			return err
		}
		writeThroughput(w, t, o)
	}
	return nil
}

// result is a load on one side: its rounds, the median first.
type result struct {
	load  load
	title string
	runs  []*figure
}

func loadsOn(ctx context.Context, r *reader, o options, sides ...side) (results []*result, err error) {
	for _, l := range loads {
		if !strings.Contains(l.name, o.only) {
			continue
		}
		var pair []*result
		for _, s := range sides {
			pair = append(pair, &result{load: l, title: s.title()})
		}
		for round := range o.rounds {
			for i, s := range sides {
				f, err := measure(ctx, r, s, l, time.Second, o.time)
				if err != nil {
					return nil, fmt.Errorf("%s on %s: %w", l.name, s.title(), err)
				}
				progress("%s, %d of %d, %s: %s a message", l.name, round+1, o.rounds, s.title(), micro(f.cpu))
				pair[i].runs = append(pair[i].runs, f)
			}
		}
		results = append(results, pair...)
	}
	return results, nil
}

func killsOn(ctx context.Context, r *reader, o options, st stage, ours *gateway, theirs *peer) (losses []*loss, err error) {
	durable := &peer{stage: st, runs: 1000} // with the settings of deploy/local
	both := []string{"mosquitto", "telegraf"}
	for _, k := range []struct {
		side      side
		processes []string
		text      string
	}{
		{ours, []string{"gateway"}, "gateway"},
		{theirs, []string{"telegraf"}, "Telegraf"},
		{theirs, []string{"mosquitto"}, "Mosquitto"},
		{theirs, both, "Mosquitto and Telegraf"},
		{durable, both, "Mosquitto, saving after every change, and Telegraf"},
	} {
		out, err := lose(ctx, r, k.side, k.processes, loads[0], o.kills, 1500*time.Millisecond)
		if err != nil {
			return nil, err
		}
		out.killed = k.text
		progress("%d kills of %s: %d acknowledged, %d lost", out.kills, k.text, out.acked, out.lost)
		losses = append(losses, out)
	}
	return losses, nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// root is the folder of the repository, from where this is run.
func root() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, serr := os.Stat(filepath.Join(dir, "go.mod")); serr == nil {
			return dir, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", errors.Join(errors.New("run it inside the repository"), err)
}
