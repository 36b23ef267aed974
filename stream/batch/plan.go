package batch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// Sources say which recordings there are and whose.
type Sources struct {
	Files, Left, Right []string
	Manifest           string // see ReadManifest
	Study, Participant string // of recordings that the manifest says none for
	Dominant           string // hand, likewise
}

// Inputs are the recordings in the order of the manifest, Files, Left and Right,
// each file once. What the manifest says of a recording counts before what Left and
// Right say, that before the words of its name, and those before what the file says.
// A file that is in both Left and Right, and of which the manifest says no side, is an error.
func (s Sources) Inputs() ([]Input, error) {
	var all []Input
	if s.Manifest != "" {
		var err error
		if all, err = ReadManifest(s.Manifest); err != nil {
			return nil, err
		}
	}
	told := slices.Clone(all)
	var errs []error
	add := func(files []string, side string) {
		for _, f := range files {
			i := slices.IndexFunc(all, func(in Input) bool { return same(in.Path, f) })
			if i < 0 {
				i = len(all)
				all = append(all, Input{Path: f})
			}
			switch {
			case i < len(told) && told[i].Side != "":
			case all[i].Side == "":
				all[i].Side = side
			case side != "" && side != all[i].Side:
				errs = append(errs, fmt.Errorf("%s: --left and --right both name it", f))
			}
		}
	}
	add(s.Files, "")
	add(s.Left, "left")
	add(s.Right, "right")
	if len(all) == 0 {
		return nil, errors.New("no recording: name at least one file")
	}
	for i := range all {
		all[i].fill(s)
		errs = append(errs, all[i].check())
	}
	return all, errors.Join(errs...)
}

func same(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}

// fill says what was left open.
func (in *Input) fill(s Sources) {
	name := recording.Name(in.Path)
	if in.Sensor == "" {
		in.Sensor = strings.Map(func(r rune) rune {
			if r > 127 || !wire.ValidName(string(r)) {
				return '_'
			}
			return r
		}, name)
	}
	if in.Study == "" {
		in.Study = s.Study
	}
	if in.Participant == "" {
		in.Participant = s.Participant
	}
	if in.Dominant == "" {
		in.Dominant = s.Dominant
	}
	if in.Side == "" {
		in.Side = sideOf(name)
	}
}

// side is what the file itself says where nothing else does.
func (in *Input) side(told string) {
	if in.Side == "" {
		in.Side = told
	}
	if in.Side == "" && in.Study != "" {
		in.Side = "none" // as an assignment says it
	}
}

func (in *Input) check() error {
	for _, name := range []struct{ what, is string }{{"study", in.Study}, {"participant", in.Participant}} {
		if name.is != "" && !wire.ValidName(name.is) {
			return fmt.Errorf("%s: %s %q is no name, which is 1 to %d of A-Z a-z 0-9 . _ : -", in.Path, name.what, name.is, wire.MaxName)
		}
	}
	if !slices.Contains([]string{"", "left", "right", "none"}, in.Side) {
		return fmt.Errorf("%s: side %q is none of left, right, none", in.Path, in.Side)
	}
	if !slices.Contains([]string{"", "left", "right"}, in.Dominant) {
		return fmt.Errorf("%s: dominant hand %q is none of left, right", in.Path, in.Dominant)
	}
	return nil
}

// sideOf is the side that a name has among its words: left or L, right or R, in
// any case; empty where it has none or both.
func sideOf(name string) (side string) {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	for _, w := range words {
		is := map[string]string{"left": "left", "l": "left", "right": "right", "r": "right"}[w]
		if is != "" && side != "" && is != side {
			return ""
		}
		if is != "" {
			side = is
		}
	}
	return side
}

// ReadManifest reads a list of recordings: CSV with a header of the column file and
// any of sensor, study, participant, side (left, right or none), dominant, the hand of
// the participant (left or right), and serial, that of the device that was assigned, in
// any order. Files are relative to the manifest's folder.
func ReadManifest(path string) ([]Input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close()
	inputs, err := parseManifest(f)
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", path, err)
	}
	for i := range inputs {
		if !filepath.IsAbs(inputs[i].Path) {
			inputs[i].Path = filepath.Join(filepath.Dir(path), inputs[i].Path)
		}
	}
	return inputs, nil
}

var manifestColumns = []string{"file", "sensor", "study", "participant", "side", "dominant", "serial"}

func parseManifest(r io.Reader) ([]Input, error) {
	c := csv.NewReader(r)
	c.TrimLeadingSpace = true
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("no header: %w", err)
	}
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if _, twice := at[name]; twice || !slices.Contains(manifestColumns, name) {
			return nil, fmt.Errorf("column %q: the columns are %s, each once", name, strings.Join(manifestColumns, ", "))
		}
		at[name] = i
	}
	if _, ok := at["file"]; !ok {
		return nil, errors.New("no column file")
	}
	var inputs []Input
	for {
		row, err := c.Read()
		if err == io.EOF {
			return inputs, nil
		}
		if err != nil {
			return nil, err
		}
		field := func(name string) string {
			if i, ok := at[name]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		in := Input{Path: field("file"), Sensor: field("sensor"), Study: field("study"), Participant: field("participant"), Side: strings.ToLower(field("side")), Dominant: strings.ToLower(field("dominant")), Serial: field("serial")}
		if in.Path == "" {
			line, _ := c.FieldPos(at["file"])
			return nil, fmt.Errorf("line %d: no file", line)
		}
		inputs = append(inputs, in)
	}
}
