package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// writeHead says where and of what the figures are.
func writeHead(ctx context.Context, st stage, w io.Writer) error {
	read := func(file string) []byte { text, _ := os.ReadFile(file); return text }
	version, err := exec.CommandContext(ctx, st.bin, "version").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", st.bin, err)
	}
	fmt.Fprintf(w, "# The gateway against Mosquitto and Telegraf\n\n")
	fmt.Fprintf(w, "`make versus` (`%s`), %s.\n\n", strings.Join(append([]string{"versus"}, os.Args[1:]...), " "), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(w, "- machine: %d cores, %s, %s of memory, Linux %s; load average at the start %s\n", runtime.NumCPU(), field(read("/proc/cpuinfo"), "model name"),
		field(read("/proc/meminfo"), "MemTotal"), strings.TrimSpace(string(read("/proc/sys/kernel/osrelease"))), strings.Join(strings.Fields(string(read("/proc/loadavg")))[:3], " "))
	fmt.Fprintf(w, "- %s\n", strings.TrimSpace(string(version)))
	fmt.Fprintf(w, "- Apache Kafka %s, %d node; Mosquitto %s; Telegraf %s\n\n", pinned(st, "kafka"), len(st.brokers), pinned(st, "mosquitto"), pinned(st, "telegraf"))
	return nil
}

// pinned is the version that a script of deploy/local pins.
func pinned(st stage, part string) string {
	text, _ := os.ReadFile(st.root + "/deploy/local/" + part)
	for line := range strings.Lines(string(text)) {
		for _, name := range []string{"version=", "release="} {
			if value, ok := strings.CutPrefix(line, name); ok {
				return strings.Fields(value)[0]
			}
		}
	}
	return "?"
}

// writeLoads writes two rows a load.
func writeLoads(w io.Writer, results []*result, o options) {
	if len(results) == 0 {
		return
	}
	fmt.Fprintf(w, "## CPU per message in Kafka\n\nMedian of %d runs of %s by turns; in brackets all of them.\n\n", o.rounds, o.time)
	fmt.Fprintln(w, "| load | | CPU per message | of the peer's | bar | acknowledged/s | in Kafka/s | PUBACK p50 / p99 | not in Kafka |\n|---|---|---|---|---|---|---|---|---|")
	var ciphers []string
	for i := 0; i+1 < len(results); i += 2 {
		l := results[i].load
		ours, theirs := median(results[i].runs), median(results[i+1].runs)
		for j, r := range results[i : i+2] {
			m, first, ratio, bar := median(r.runs), "", "", ""
			if j == 0 {
				first = fmt.Sprintf("%s: %s", l.name, l)
				ratio, bar = fmt.Sprintf("1/%.1f", theirs.cpu.Seconds()/ours.cpu.Seconds()), l.bar
			}
			var all []string
			for _, f := range r.runs {
				all = append(all, number(f.cpu))
			}
			fmt.Fprintf(w, "| %s | %s | **%s**%s (%s) | %s | %s | %.0f | %.0f | %s / %s ms | %d |\n", first, r.title, micro(m.cpu), parts(m), strings.Join(all, ", "),
				ratio, bar, m.acked, m.arrived, milli(m.p50), milli(m.p99), m.lost)
			if c := r.title + " " + m.cipher; !slices.Contains(ciphers, c) {
				ciphers = append(ciphers, c)
			}
		}
	}
	fmt.Fprintf(w, "\nThe peer acknowledges before Kafka has the message, the gateway after. Mutual TLS: %s.\n\n", strings.Join(ciphers, "; "))
}

func writeLosses(w io.Writer, losses []*loss) {
	fmt.Fprintf(w, "## Killed with SIGKILL and started again\n\nLoad: %s. Devices reconnect and send again what was not acknowledged.\n\n", loads[0])
	fmt.Fprintln(w, "| killed | kills | acknowledged | **lost**: acknowledged, not in Kafka | in Kafka twice |\n|---|---|---|---|---|")
	for _, l := range losses {
		fmt.Fprintf(w, "| %s | %d | %d | **%d** | %d |\n", l.killed, l.kills, l.acked, l.lost, l.repeats)
	}
	fmt.Fprintln(w)
}

func writeThroughput(w io.Writer, t *throughput, o options) {
	fmt.Fprintf(w, "## `wearstream process`, exactly once on Kafka\n\n")
	fmt.Fprintf(w, "%.0f M samples of %d devices in %d batches of %d samples (%d Hz), there before it starts; from its start to the last commit.\n\n",
		float64(t.samples)/1e6, o.devices, t.records, batchSamples, rateHz)
	fmt.Fprintln(w, "| samples per CPU second | bar | samples per second | CPU | wall | CPU per sample | resident |\n|---|---|---|---|---|---|---|")
	fmt.Fprintf(w, "| **%.1f M** | 20 M | %.1f M | %.1f s | %.1f s | %.0f ns | %s |\n", float64(t.samples)/t.cpu.Seconds()/1e6, float64(t.samples)/t.wall.Seconds()/1e6,
		t.cpu.Seconds(), t.wall.Seconds(), float64(t.cpu.Nanoseconds())/float64(t.samples), t.resident)
}

// median is the run with the median of CPU per message.
func median(runs []*figure) *figure {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b *figure) int { return cmp.Compare(a.cpu, b.cpu) })
	return sorted[len(sorted)/2]
}

// parts says what each process had, where there are more than one.
func parts(f *figure) string {
	if len(f.by) < 2 {
		return ""
	}
	return fmt.Sprintf(" = %s + %s", number(f.by["mosquitto"]), number(f.by["telegraf"]))
}

func (l load) String() string {
	if l.every > 0 {
		return fmt.Sprintf("%d clients, %.0f/s in all, %d B", l.devices, float64(l.devices)/l.every.Seconds(), l.size)
	}
	return fmt.Sprintf("%d clients x %d in flight, %d B", l.devices, l.window, l.size)
}

func number(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Nanoseconds())/1e3) }
func micro(d time.Duration) string  { return number(d) + " µs" }
func milli(d time.Duration) string  { return fmt.Sprintf("%.1f", d.Seconds()*1e3) }
