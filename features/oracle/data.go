package oracle

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wearstream/wearstream/features"
)

// Data says where references and recordings lie.
type Data struct{ Oracle, Recordings string }

// Names are the recordings that have references of core.v1.
func (d Data) Names() ([]string, error) { return d.names(".basic_5s.csv") }

// names are those of the files of references of one kind, in order. There is at
// least one: to compare nothing is an error.
func (d Data) names(suffix string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(d.Oracle, "*"+suffix))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no references *%s in %s", suffix, d.Oracle)
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), suffix)
	}
	return files, err
}

// Find takes the folders from ORACLE_DIR and RECORDINGS_DIR, or else from
// ../shared/data beside the folder of go.mod. The error says what is missing.
func Find() (Data, error) {
	d := Data{os.Getenv("ORACLE_DIR"), os.Getenv("RECORDINGS_DIR")}
	if d.Oracle == "" || d.Recordings == "" {
		root, err := moduleRoot()
		if err != nil {
			return d, err
		}
		shared := filepath.Join(root, "..", "shared", "data")
		if d.Oracle == "" {
			d.Oracle = filepath.Join(shared, "oracle")
		}
		if d.Recordings == "" {
			d.Recordings = filepath.Join(shared, "real", "e4-stress-predict")
		}
	}
	for name, dir := range map[string]string{"ORACLE_DIR": d.Oracle, "RECORDINGS_DIR": d.Recordings} {
		if _, err := os.Stat(dir); err != nil {
			return d, fmt.Errorf("%w; set %s to the folder that holds the data", err, name)
		}
	}
	return d, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); !errors.Is(err, fs.ErrNotExist) {
			return dir, err
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod in or above the working directory; set ORACLE_DIR and RECORDINGS_DIR")
		}
		dir = filepath.Dir(dir)
	}
}

// Recording is one real recording, quantised as the product does it.
type Recording struct {
	Samples  features.Samples
	Readings features.Readings
}

// File is the path of a recording.
func (d Data) File(recording string) string {
	return filepath.Join(d.Recordings, recording+".csv.gz")
}

// Rate is that of the recordings, millihertz.
const Rate = 32_000

// readEvery is how many rows share one temperature reading: 4 of 32 Hz.
const readEvery = 8

// Recording reads a canonical file: timestamp (s), x, y, z (g) and the held
// temperature, whose readings are every eighth row; blanks are none.
func (d Data) Recording(name string) (*Recording, error) {
	rows, err := readCSV(d.File(name))
	if err != nil {
		return nil, err
	}
	rec := new(Recording)
	s, r := &rec.Samples, &rec.Readings
	for i, row := range rows[1:] {
		var v [5]int64
		for k, scale := range [5]float64{1e6, 1e6, 1e6, 1e6, 1e3} {
			if k == 4 && row[k] == "" {
				continue
			}
			f, err := strconv.ParseFloat(row[k], 64)
			if err != nil {
				return nil, fmt.Errorf("read %s, row %d: %w", d.File(name), i+2, err)
			}
			v[k] = int64(math.RoundToEven(f * scale))
		}
		s.T = append(s.T, v[0]*1000)
		s.X, s.Y, s.Z = append(s.X, int32(v[1])), append(s.Y, int32(v[2])), append(s.Z, int32(v[3]))
		if i%readEvery == 0 && row[4] != "" {
			r.T = append(r.T, v[0]*1000)
			r.MilliC = append(r.MilliC, int32(v[4]))
		}
	}
	return rec, nil
}

// readCSV reads a file whose first row names the columns; .gz is unpacked.
func readCSV(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if filepath.Ext(path) == ".gz" {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	rows, err := csv.NewReader(in).ReadAll()
	if err == nil && len(rows) < 2 {
		err = errors.New("no rows")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}
