package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// landedPartition is what landing holds of one partition of one log.
type landedPartition struct {
	next int64               // one past the last range
	rows map[int64][]*record // by offset; more than one is a duplicate
}

// landingRow is a row of a landing object.
type landingRow struct {
	Offset     int64             `parquet:"offset"`
	AppendTime int64             `parquet:"append_time"` // microseconds
	Key        *string           `parquet:"key,optional"`
	Headers    map[string]string `parquet:"headers"`
	Payload    []byte            `parquet:"payload,optional"`
}

// span is the range that an object covers, as its footer says.
type span struct {
	path        string
	first, next int64
}

// readLanding reads every object of landing, of all logs, and checks that the
// ranges of each partition follow one another without hole or overlap.
func readLanding(ctx context.Context, cfg Config, r *Report) (map[place]*landedPartition, error) {
	root := filepath.Join(cfg.Objects, cfg.Cell, "landing", "v1")
	files := map[place][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		p, err := placeOf(root, path)
		if err != nil {
			return err
		}
		if slices.Contains(topics, p.topic) {
			files[p] = append(files[p], path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list landing: %w", err)
	}
	all := map[place]*landedPartition{}
	for p, paths := range files {
		got := &landedPartition{rows: map[int64][]*record{}}
		var spans []span
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			s, err := got.readObject(p, path, r)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
			spans = append(spans, s)
		}
		got.tile(p, spans, r)
		all[p] = got
		cfg.Progress("read landing", len(all), len(files))
	}
	return all, nil
}

// placeOf reads topic=<t>/log=<id>/partition=<p>/<first>.parquet.
func placeOf(root, path string) (place, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return place{}, err
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if k, v, ok := strings.Cut(part, "="); ok {
			values[k] = v
		}
	}
	n, err := strconv.ParseInt(values["partition"], 10, 32)
	if err != nil || values["topic"] == "" || values["log"] == "" {
		return place{}, fmt.Errorf("object %q is not named as landing is", rel)
	}
	return place{values["topic"], values["log"], int32(n)}, nil
}

func (l *landedPartition) readObject(p place, path string, r *Report) (span, error) {
	f, err := os.Open(path)
	if err != nil {
		return span{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return span{}, err
	}
	pf, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return span{}, err
	}
	s := span{path: path}
	for name, to := range map[string]*int64{"wearstream.first": &s.first, "wearstream.next": &s.next} {
		text, _ := pf.Lookup(name)
		if *to, err = strconv.ParseInt(text, 10, 64); err != nil {
			return span{}, fmt.Errorf("metadata %s: %w", name, err)
		}
	}
	rows := make([]landingRow, pf.NumRows())
	reader := parquet.NewGenericReader[landingRow](pf)
	defer reader.Close()
	for read := 0; read < len(rows); {
		n, err := reader.Read(rows[read:])
		if read += n; err != nil && read < len(rows) {
			return span{}, err
		}
	}
	r.Objects++
	r.Landed += len(rows)
	for i := range rows {
		row := &rows[i]
		if row.Offset < s.first || row.Offset >= s.next {
			r.unexplained("offset %d of %s lies in an object of %d..%d", row.Offset, p, s.first, s.next)
		}
		key := ""
		if row.Key != nil {
			key = *row.Key
		}
		rec := newRecord(p, row.Offset, time.UnixMicro(row.AppendTime), key, func(k string) string { return row.Headers[k] }, row.Payload)
		l.rows[row.Offset] = append(l.rows[row.Offset], rec)
	}
	return s, nil
}

func (l *landedPartition) tile(p place, spans []span, r *Report) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.next, b.next)) })
	for i, s := range spans {
		if i > 0 && s.first > l.next {
			r.lost("landing of %s has no object for offsets %d..%d", p, l.next, s.first)
		}
		if i > 0 && s.first < l.next {
			r.doubled("landing of %s holds offsets %d..%d twice", p, s.first, min(l.next, s.next))
		}
		l.next = max(l.next, s.next)
	}
}

// compareLanding holds landing against the present log: each readable offset
// exactly once, with the same bytes.
func (r *Report) compareLanding(cfg Config, landed map[place]*landedPartition, log map[place]*present) {
	for p, now := range log {
		l := landed[p]
		if l == nil {
			l = &landedPartition{}
		}
		busy := false
		for offset, rec := range now.readable {
			busy = busy || offset >= l.next && rec.kind != "tick"
		}
		due := cfg.Due.Idle
		if busy {
			due = cfg.Due.Landing
		}
		for offset, rec := range now.readable {
			r.Records++
			rows := l.rows[offset]
			switch {
			case len(rows) > 0 && rows[0].sum != rec.sum:
				r.unexplained("landing of %s has other bytes at offset %d than the log", p, offset)
			case len(rows) == 0 && offset < l.next:
				r.lost("offset %d of %s is not in landing, which goes to %d", offset, p, l.next)
			case len(rows) == 0 && cfg.Now.Sub(rec.appended) < due:
				r.explain(ClassNotDue, 1)
			case len(rows) == 0:
				r.lost("offset %d of %s is not in landing after %s", offset, p, cfg.Now.Sub(rec.appended).Round(time.Second))
			}
		}
		for offset := range l.rows {
			if now.readable[offset] == nil && offset >= now.start {
				r.unexplained("offset %d of %s is in landing and not readable in the log", offset, p)
			}
		}
		r.explain(ClassControl, int(now.end-now.start)-len(now.readable))
	}
	for p, l := range landed {
		if log[p] == nil {
			r.Records += len(l.rows)
		}
		for offset, rows := range l.rows {
			if len(rows) > 1 {
				r.doubled("offset %d of %s is %d times in landing", offset, p, len(rows))
			}
		}
	}
}
