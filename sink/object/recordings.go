package object

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/stream"
)

// Recordings is a folder of rows that were computed without a log: the same files as
// the sink's, below features/v1, wear/v1, pairs/v1, named after the recordings and what
// made the rows. What they say of their cut is the recording, as log, the file that it
// was read from, as topic, and the numbers of its rows.
//
// Begin, and Write of different recordings, may be called concurrently, and several
// processes may write different recordings to one folder.
type Recordings struct {
	dir, build string
	temp       string // folder of this run's files that are not committed

	mu   sync.Mutex
	made map[string]bool // files that were committed
}

// OpenRecordings makes the folder where it is not there.
func OpenRecordings(dir, build string) (*Recordings, error) {
	err := os.MkdirAll(dir, 0o755)
	temp := ""
	if err == nil {
		temp, err = os.MkdirTemp(dir, tempDir+"-*")
	}
	if err != nil {
		return nil, fmt.Errorf("open folder of features: %w", err)
	}
	return &Recordings{dir: dir, build: build, temp: temp, made: map[string]bool{}}, nil
}

// Close removes what is only needed while files are written. What a killed run left
// behind stays until its folder .tmp-... is removed.
func (r *Recordings) Close() error { return os.RemoveAll(r.temp) }

// Recording is one, or a pair, that is being written. Nothing of it is seen before Commit.
type Recording struct {
	*Recordings
	table
	recordings string // their names, escaped
	set        string
	source     string
	temp       string   // folder of its files
	keys       []string // of the files in it
	rows       int64
	writes     int
}

// Source is a recording: its name, and the file that it was read from.
type Source struct{ Name, Path string }

// Begin starts with the rows of a table (features, wear, pairs) that are of recordings,
// by a set. Rows that were read from other files take no place of these.
func (r *Recordings) Begin(name, set string, of ...Source) (*Recording, error) {
	var names, paths []string
	for _, s := range of {
		names, paths = append(names, escape(s.Name)), append(paths, s.Path)
	}
	w := &Recording{Recordings: r, recordings: strings.Join(names, between), set: set, source: strings.Join(paths, ", ")}
	var known bool
	if w.table, known = tableBy(func(t table) bool { return t.name == name }); !known {
		return nil, fmt.Errorf("begin %s of %s: there is no such table", name, w.recordings)
	}
	var err error
	if w.temp, err = os.MkdirTemp(r.temp, "rows-*"); err != nil {
		return nil, fmt.Errorf("begin %s of %s: %w", name, w.recordings, err)
	}
	return w, nil
}

// between stands between two names; none has it.
const between = "~"

// Write stores rows.
func (r *Recording) Write(collected []arrow.Record) error {
	var groups []*rows
	byGroup := map[group]*rows{}
	for _, rec := range collected {
		var err error
		if groups, err = split(groups, byGroup, r.table, rec); err != nil {
			return err
		}
	}
	r.writes++
	for _, g := range groups {
		rec, err := g.record(memory.NewGoAllocator())
		if err != nil {
			return err
		}
		err = r.file(g, rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Recording) file(g *rows, rec arrow.Record) error {
	key := fmt.Sprintf("%s/%s%04d%s", g.folder(), r.prefix(), r.writes, extension)
	cut := stream.Range{Log: stream.LogID(r.recordings), Topic: r.source, First: r.rows, Next: r.rows + rec.NumRows()}
	f, err := newFile(key, rec, Meta{Range: cut, Schema: r.schema, Build: r.build}, func(w io.Writer) io.Writer { return w })
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.temp, fmt.Sprint(len(r.keys))), f.body, 0o644); err != nil {
		return fmt.Errorf("write %s of %s: %w", r.table.name, r.recordings, err)
	}
	r.keys, r.rows = append(r.keys, key), cut.Next
	return nil
}

const extension = ".parquet"

func (r *Recording) prefix() string { return r.recordings + "." + r.set + "." }

// Commit puts the files in the place of those that an earlier run made of the same
// recording and set. A crash in it leaves some of them and some of the earlier run's;
// the next run puts that right. Nothing is synced: after a power loss, run it again.
func (r *Recording) Commit() error {
	old, err := r.old()
	for name := range old {
		if err != nil {
			break
		}
		err = r.mine(name)
	}
	for i, key := range r.keys {
		to := filepath.Join(r.dir, filepath.FromSlash(key))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = os.Rename(filepath.Join(r.temp, fmt.Sprint(i)), to)
		}
		delete(old, to)
		r.keep(to)
	}
	for name := range old {
		if err == nil {
			err = os.Remove(name)
		}
	}
	if err = errors.Join(err, r.Abort()); err != nil {
		return fmt.Errorf("store %s of %s: %w", r.table.name, r.recordings, err)
	}
	return nil
}

// keep notes a file that was committed.
func (r *Recordings) keep(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[name] = true
}

// mine is an error where a file holds rows of another source. One that cannot be read
// is what a crash left.
func (r *Recording) mine(name string) error {
	body, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if meta, err := decode(body); err == nil && meta.Topic != r.source {
		return fmt.Errorf("%s holds rows of %s: give one of the two another name, or use another folder, or remove that one's files", name, meta.Topic)
	}
	return nil
}

// old are the files of an earlier run.
func (r *Recording) old() (map[string]bool, error) {
	old := map[string]bool{}
	root := filepath.Join(r.dir, filepath.FromSlash(r.root()))
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if number, ours := strings.CutPrefix(path.Base(filepath.ToSlash(name)), r.prefix()); ours && err == nil {
			number, ours = strings.CutSuffix(number, extension)
			old[name] = ours && strings.Trim(number, "0123456789") == ""
			if !old[name] {
				delete(old, name)
			}
		}
		return err
	})
	return old, err
}

// Abort forgets what was written and not committed.
func (r *Recording) Abort() error { return os.RemoveAll(r.temp) }

// Rows is the number of rows written.
func (r *Recording) Rows() int64 { return r.rows }
