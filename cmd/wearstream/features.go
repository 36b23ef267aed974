package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wearstream/wearstream/features"
	"github.com/wearstream/wearstream/features/calibrate"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream/batch"
	"github.com/wearstream/wearstream/stream/batch/page"
	"github.com/wearstream/wearstream/stream/recording"
)

// featuresCmd turns recordings into feature Parquet.
type featuresCmd struct {
	Files       []string `arg:"" optional:"" name:"file" help:"Recordings: canonical CSV, Empatica E4, Axivity .cwa, GENEActiv .bin or .csv; gzipped or not."`
	Out         string   `name:"out" short:"o" required:"" type:"path" placeholder:"DIR" help:"Folder for features/v1/..., wear/v1/..., pairs/v1/... and pages/."`
	Set         []string `name:"set" default:"core.v1" help:"Feature sets."`
	Wear        []string `name:"wear" default:"device,detach,ggir2023,actipy" help:"Algorithms of wear, the one that decides first in front: accelthreshold, actipy, choi (of activity counts: with --set ref.v1), cta, detach, device, ggir2013, ggir2023."`
	WearClean   bool     `name:"wear-clean" help:"Apply the rules about islands of wear, which need the whole recording, of the one algorithm that --wear names: accelthreshold, ggir2013 or ggir2023. Rows then have its name with -clean."`
	Calibrate   string   `name:"calibrate" default:"record" enum:"off,record,apply" help:"Of recordings of 72 h or more: record says what calibration their still moments ask for (windows on the UTC grid only); apply corrects by it all that is computed, from the first sample on, and rows name it in cal_id; off."`
	Origin      string   `name:"origin" default:"grid" enum:"grid,first-sample" help:"Windows begin on the UTC grid, or are counted from the first sample, to compare with tools that do (wrists pair then where both begin at one time): grid or first-sample."`
	Left        []string `name:"left" type:"path" placeholder:"FILE" help:"Recording of a left wrist."`
	Right       []string `name:"right" type:"path" placeholder:"FILE" help:"Recording of a right wrist."`
	Manifest    string   `name:"manifest" type:"path" placeholder:"FILE" help:"CSV with the columns file and any of sensor, study, participant, side, dominant, serial (of the assigned device)."`
	Study       string   `name:"study" help:"Study of all recordings that the manifest does not name one for."`
	Participant string   `name:"participant" help:"Participant, likewise."`
	Dominant    string   `name:"dominant" default:"" enum:",left,right" help:"Dominant hand, likewise: left or right. It decides use_ratio and magnitude_ratio of pairs."`
	RateHz      float64  `name:"rate" help:"Nominal rate in Hz, where the file's own is wrong."`
	LSBPerG     uint32   `name:"lsb" help:"Counts per g, where the file's own are wrong."`
	TempEvery   int      `name:"temp-every" help:"Rows from reading to reading of the thermometer in a canonical CSV."`
	Start       string   `name:"start" placeholder:"RFC3339" help:"Move the first sample of each recording there."`
}

func (featuresCmd) Help() string {
	return "It needs no service. DIR/features/v1/window=60s/study=.../date=.../*.parquet has the columns that `wearstream up` stores, DIR/wear/v1/study=.../date=.../*.parquet\n" +
		"of each minute whether the device was worn; a run replaces all that earlier ones wrote of its recordings, pairs too.\n" +
		"Left and right of one study and participant, or one left and one right of nobody, pair where they overlap: DIR/pairs/v1/study=.../date=.../*.parquet, and what\n" +
		"says that devices are mislabelled, for a person to confirm. Side: --left, --right, the manifest, or left, right, L or R as a word of the file's name.\n" +
		"Exit status 0 with a warning: a file is damaged, and what could be read is done. 1: nothing of a file could be read; the others are done.\n\n" +
		"Examples:\n  wearstream features -o out S01.csv.gz S02.csv.gz\n  wearstream features -o out --study ST01 --participant P-0042 --left 1.csv --right 2.csv\n" +
		"  wearstream features -o out --manifest study.csv"
}

// Run computes all files.
func (c *featuresCmd) Run(ctx context.Context, e *env) error {
	inputs, err := batch.Sources{
		Files: c.Files, Left: c.Left, Right: c.Right, Manifest: c.Manifest, Study: c.Study, Participant: c.Participant, Dominant: c.Dominant,
	}.Inputs()
	if err != nil {
		return usage(err)
	}
	cfg := batch.Config{
		Wear:      c.Wear,
		WearClean: c.WearClean,
		Calibrate: c.Calibrate == "record",
		Apply:     c.Calibrate == "apply",
		FromFirst: c.Origin == "first-sample",
		Reader:    recording.Options{RateHz: c.RateHz, LSBPerG: c.LSBPerG, TempEvery: c.TempEvery},
	}
	if c.Start != "" {
		start, err := time.Parse(time.RFC3339Nano, c.Start)
		if err != nil {
			return usage(fmt.Errorf("--start: %q is no instant in RFC 3339 with its zone, such as 2026-03-01T08:00:00Z", c.Start))
		}
		cfg.Reader.Start = &start
	}
	for _, name := range c.Set {
		set := features.ByName(name)
		if set == nil {
			return usage(fmt.Errorf("--set: no set %q; there are %s", name, strings.Join(features.Names(), ", ")))
		}
		cfg.Sets = append(cfg.Sets, set)
	}
	store, err := object.OpenRecordings(c.Out, build())
	if err != nil {
		return err
	}
	defer store.Close()
	to := featureStore{store}
	bar := newBar(e, "features")
	b, err := batch.New(cfg, to, func(p batch.Progress) {
		bar.show(p.Samples, p.SamplesOf, "%d of %d files done", p.FilesDone, p.Files)
	})
	if err != nil {
		return usage(err)
	}
	began := time.Now()
	reports, err := b.Run(ctx, inputs)
	bar.done()
	if reports == nil {
		return usage(err)
	}
	if err == nil {
		err = to.sweep(reports)
	}
	return errors.Join(err, c.pages(reports), c.tell(e, reports, time.Since(began)))
}

// pages writes a page for each recording beside the Parquet.
func (c *featuresCmd) pages(reports []batch.Report) error {
	dir := filepath.Join(c.Out, "pages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range reports {
		if reports[i].Err != nil {
			continue
		}
		var b bytes.Buffer
		if err := page.Write(&b, &reports[i]); err != nil {
			return err
		}
		name := filepath.Join(dir, strings.ReplaceAll(reports[i].Sensor, "/", "~")) // which no name has
		if err := os.WriteFile(name+".html", b.Bytes(), 0o644); err != nil {
			return err
		}
		if err := writeCalibration(name+".calibration.json", reports[i].Calibrate); err != nil {
			return fmt.Errorf("write calibration of %s: %w", reports[i].Sensor, err)
		}
	}
	return nil
}

// writeCalibration writes a record; without one, that of an earlier run goes.
func writeCalibration(name string, r *calibrate.Record) error {
	if r == nil {
		if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// featureStore is the folder as the place to store to.
type featureStore struct{ *object.Recordings }

func (r featureStore) Begin(table batch.Table, set string, of ...batch.Input) (batch.Recording, error) {
	sources, err := sourcesOf(of)
	if err != nil {
		return nil, err
	}
	return r.Recordings.Begin(string(table), set, sources...)
}

// sweep leaves of what earlier runs made of the recordings nothing but what this one made.
func (r featureStore) sweep(reports []batch.Report) error {
	var done []batch.Input
	for i := range reports {
		if reports[i].Err == nil {
			done = append(done, reports[i].Input)
		}
	}
	sources, err := sourcesOf(done)
	if err != nil {
		return err
	}
	return r.Sweep(sources...)
}

func sourcesOf(inputs []batch.Input) ([]object.Source, error) {
	var sources []object.Source
	for _, in := range inputs {
		path, err := filepath.Abs(in.Path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, object.Source{Name: in.Sensor, Path: path})
	}
	return sources, nil
}

// featuresResult is what --json prints.
type featuresResult struct {
	Out        string            `json:"out"`
	Recordings []recordingResult `json:"recordings"`
	Pairs      []pairResult      `json:"pairs,omitempty"`
	Failed     int               `json:"failed"`
	Hours      float64           `json:"hours"` // of recording
	Elapsed    float64           `json:"elapsed_s"`
	PeakRSS    int64             `json:"peak_rss_bytes"`
}

type recordingResult struct {
	batch.Input
	Study       string           `json:"study,omitempty"`
	Participant string           `json:"participant,omitempty"`
	Side        string           `json:"side,omitempty"`
	Format      string           `json:"format,omitempty"`
	Device      string           `json:"device,omitempty"`
	Serial      string           `json:"serial,omitempty"`
	Samples     int64            `json:"samples"`
	First       *time.Time       `json:"first,omitempty"`
	Last        *time.Time       `json:"last,omitempty"`
	RateHz      float64          `json:"rate_hz,omitempty"`
	MeasuredHz  float64          `json:"measured_hz,omitempty"`
	Rows        map[string]int64 `json:"rows,omitempty"`
	Algos       []string         `json:"algos,omitempty"`
	WearMin     map[string]int   `json:"wear_min,omitempty"` // minutes by state
	Gaps        int              `json:"gaps"`
	Findings    []findingResult  `json:"findings,omitempty"`

	Calibration *calibrate.Record `json:"calibration,omitempty"`
	Calibrated  bool              `json:"calibrated,omitempty"` // by it
	Warning     string            `json:"warning,omitempty"`
	Error       string            `json:"error,omitempty"`
}

// tell prints what became of the files.
func (c *featuresCmd) tell(e *env, reports []batch.Report, took time.Duration) error {
	res := featuresResult{Out: c.Out, Elapsed: took.Seconds(), PeakRSS: peakRSS()}
	samples := int64(0)
	for _, r := range reports {
		one := recordingResult{
			Input: r.Input, Study: r.Study, Participant: r.Participant, Side: r.Side,
			MeasuredHz: r.MeasuredHz, Rows: r.Rows, Algos: r.Algos, Gaps: len(r.Gaps), Findings: findings(e, r.Path, r.Findings), Warning: r.Warning(),
		}
		if rec := r.Recording; rec != nil {
			one.Device, one.Serial = rec.Device.Model, rec.Device.Serial
			one.Format, one.Samples, one.First, one.Last, one.RateHz = rec.Format, rec.Samples, &rec.Earliest, &rec.Latest, float64(rec.RateMHz)/1000
		}
		if r.Err != nil {
			res.Failed++
			one.Error = r.Err.Error()
			fmt.Fprintf(e.stderr, "%s: %v\n", r.Path, r.Err)
		} else {
			samples += one.Samples
			one.Calibration, one.Calibrated = r.Calibrate, r.Calibrated
			one.WearMin = map[string]int{}
			for _, s := range r.Wear {
				one.WearMin[s.State.String()] += s.Minutes()
			}
			res.Hours += float64(one.Samples) / one.RateHz / 3600
		}
		if one.Warning != "" {
			fmt.Fprintf(e.stderr, "warning: %s: %s\n", r.Path, one.Warning)
		}
		res.Recordings = append(res.Recordings, one)
	}
	unpaired := res.pairs(e, reports)
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(res); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(e.stdout, "%d of %d recordings, %d pairs, %.1f h, %d samples in %.1f s (%.0f h/s), peak memory %d MB: %s\n",
			len(reports)-res.Failed, len(reports), len(res.Pairs)-unpaired, res.Hours, samples, res.Elapsed, res.Hours/max(res.Elapsed, 1e-3), res.PeakRSS>>20, c.Out)
	}
	if res.Failed > 0 {
		return fmt.Errorf("%d of %d recordings failed", res.Failed, len(reports))
	}
	if unpaired > 0 {
		return fmt.Errorf("%d of %d pairs could not be stored", unpaired, len(res.Pairs))
	}
	return nil
}

// peakRSS is the most memory that this process had; 0 where that is not known.
func peakRSS() int64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var n int64
			_, _ = fmt.Sscan(kb, &n)
			return n << 10
		}
	}
	return 0
}
