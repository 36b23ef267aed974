package batch

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSideOfName(t *testing.T) {
	for name, want := range map[string]string{
		"S01_left": "left", "S01-L": "left", "r.P042": "right", "RIGHT wrist": "right", "P1 (left)": "left",
		"S01": "", "leftover": "", "bright": "", "P042R": "", "left_right": "", "l-left": "left",
	} {
		if got := sideOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "study.csv")
	text := "\ufeffside, File,participant,serial,dominant\nright,a_left.csv,P-1,012967,Left\n,sub/b.csv,,,\nleft," + filepath.Join(dir, "c.csv") + ",,,\n"
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name string
		from Sources
		want []Input
	}{
		{"sides by name and by flag, in any order", Sources{Files: []string{"x_R.csv.gz", "y.csv"}, Left: []string{"z right.csv"}, Right: []string{"y.csv"}}, []Input{
			{Path: "x_R.csv.gz", Sensor: "x_R", Side: "right"}, {Path: "y.csv", Sensor: "y", Side: "right"}, {Path: "z right.csv", Sensor: "z_right", Side: "left"}}},
		{"the manifest counts first", Sources{Manifest: manifest, Files: []string{at("c.csv")}, Left: []string{at("c.csv")}, Right: []string{at("sub/b.csv"), at("c.csv")}, Study: "ST", Participant: "P-9", Dominant: "right"}, []Input{
			{Path: at("a_left.csv"), Sensor: "a_left", Study: "ST", Participant: "P-1", Side: "right", Serial: "012967", Dominant: "left"},
			{Path: at("sub/b.csv"), Sensor: "b", Study: "ST", Participant: "P-9", Side: "right", Dominant: "right"},
			{Path: at("c.csv"), Sensor: "c", Study: "ST", Participant: "P-9", Side: "left", Dominant: "right"}}},
	} {
		got, err := c.from.Inputs()
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.name, err, got, c.want)
		}
	}
	for _, c := range []struct {
		from Sources
		says string
	}{
		{Sources{}, "no recording"},
		{Sources{Files: []string{"a.csv"}, Study: "no name"}, `study "no name"`},
		{Sources{Manifest: at("nowhere.csv")}, "nowhere.csv"},
		{Sources{Files: []string{"a.csv"}, Left: []string{"a.csv", "b.csv"}, Right: []string{"./b.csv"}}, "b.csv: --left and --right"},
		{Sources{Manifest: manifest, Left: []string{at("sub/b.csv")}, Right: []string{at("sub/b.csv")}}, at("sub/b.csv") + ": --left and --right"},
		{Sources{Files: []string{"a.csv"}, Dominant: "both"}, `dominant hand "both"`},
	} {
		if _, err := c.from.Inputs(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.from, err, c.says)
		}
	}
	if err := checkNames([]Input{{Path: "P1/left.csv", Sensor: "left"}, {Path: "P2/left.csv", Sensor: "left"}}); err == nil || !strings.Contains(err.Error(), "manifest") {
		t.Errorf("two of a name: %v", err)
	}
}

func TestManifestFaults(t *testing.T) {
	for text, says := range map[string]string{
		"":                         "header",
		"sensor\nx\n":              "no column file",
		"file,sid\nx,left\n":       `"sid"`,
		"file,file\nx,y\n":         `"file"`,
		"file,side\nx\n":           "wrong number of fields",
		"file,side\nx,left\n,left": "line 3",
	} {
		if _, err := parseManifest(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add("file,side\na.csv,left\n")
	f.Add("\ufefffile , sensor,study,participant,side\n\"a,b\",s,ST,P,none\n")
	f.Fuzz(func(t *testing.T, text string) {
		inputs, err := parseManifest(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, in := range inputs {
			if in.Path == "" {
				t.Errorf("an input without a file of %q", text)
			}
		}
	})
}
