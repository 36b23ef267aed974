package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/wearstream/wearstream/loadtest/replay"
	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// replayCmd plays recordings as devices.
type replayCmd struct {
	Files       []string    `arg:"" optional:"" name:"file" help:"Recordings: canonical CSV (.csv, .csv.gz), E4 folders or zips, Axivity .cwa, GENEActiv .bin or CSV."`
	Replay      replayFlags `embed:""`
	Study       string      `name:"study" help:"Assign the sensors to this study first."`
	Participant string      `name:"participant" help:"... to this participant,"`
	Side        string      `name:"side" default:"none" enum:"left,right,none" help:"... on this side: left, right or none."`
	Generate    string      `name:"generate" type:"path" placeholder:"DIR" help:"Only write generated recordings into this folder."`
}

func (replayCmd) Help() string {
	return "Examples:\n  wearstream replay S01.csv.gz S02.csv.gz\n  wearstream replay --devices 200 --acked acked.jsonl recordings/*.csv.gz\n" +
		"  wearstream replay --study ST01 --participant P-0042 --side left --start 2026-03-01T08:00:00Z S01.csv.gz"
}

// Run plays the files until every batch has its acknowledgement.
func (c *replayCmd) Run(ctx context.Context, e *env) error {
	if c.Generate != "" {
		return c.generate(e)
	}
	if c.Replay.Data == "" && c.Replay.MQTT == "" {
		c.Replay.Data = defaultData()
	}
	bar := newBar(e, "replay")
	r, err := replay.New(replay.Config(c.Replay), c.Files, replay.Deps{Log: e.log, Progress: func(p replay.Progress) {
		bar.show(p.Samples, p.TotalSamples, "%d of %d devices done, %d batches sent, %d acknowledged", p.DevicesDone, p.Devices, p.Batches, p.Acked)
	}})
	if err != nil {
		return usage(err)
	}
	if err := c.assign(ctx, e); err != nil {
		return err
	}
	result, err := r.Run(ctx)
	bar.done()
	if e.json {
		if jerr := json.NewEncoder(e.stdout).Encode(result); jerr != nil {
			return jerr
		}
	} else {
		fmt.Fprintf(e.stdout, "%d devices, %d recordings (%d known already), %d batches, %d samples, %d acknowledged in %.1f s\n",
			result.Devices, result.Recordings, result.Skipped, result.Batches, result.Samples, result.Acknowledged, result.Elapsed)
	}
	if errors.Is(err, replay.ErrUnreachable) {
		return unreachable(err)
	}
	return err
}

// assign says whose sensors they are before the first sample.
func (c *replayCmd) assign(ctx context.Context, e *env) error {
	if c.Study == "" && c.Participant == "" {
		return nil
	}
	if c.Study == "" || c.Participant == "" {
		return usage(errors.New("--study, --participant: give both, or none"))
	}
	if c.Replay.Data == "" {
		return usage(errors.New("--study, --participant: the assignment is written to the log of --data; with --mqtt use `wearstream participant assign`"))
	}
	devices, err := replay.Plan(replay.Config(c.Replay), c.Files)
	if err != nil {
		return usage(err)
	}
	at, err := readEndpoints(c.Replay.Data)
	if err != nil {
		return err
	}
	var all []wire.Assignment
	for _, d := range devices {
		a := wire.Assignment{Sensor: d.Sensor, Study: c.Study, Participant: c.Participant, Side: c.Side, At: time.Now().UTC()}
		if err := a.Validate(); err != nil {
			return usage(err)
		}
		all = append(all, a)
	}
	return assign(ctx, brokersAt(at, e), at.Cell, all...)
}

// generate writes recordings for machines that have none: an hour each.
func (c *replayCmd) generate(e *env) error {
	if err := os.MkdirAll(c.Generate, 0o755); err != nil {
		return err
	}
	for i := range 8 {
		path := filepath.Join(c.Generate, fmt.Sprintf("G%02d.csv.gz", i+1))
		start := time.Date(2026, 3, 1, 8+i, 0, 0, 0, time.UTC)
		if err := recording.Generate(path, uint64(i+1), start, time.Hour); err != nil {
			return err
		}
		fmt.Fprintln(e.stdout, path)
	}
	return nil
}
