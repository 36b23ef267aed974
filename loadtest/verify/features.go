package verify

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/stream/wire"
)

// readRows reads the objects of rows of all logs.
func (v *verifier) readRows(ctx context.Context) error {
	if v.ClickHouse == nil {
		return nil
	}
	for _, t := range v.tables {
		if err := v.readObjects(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) readObjects(ctx context.Context, t *table) error {
	return v.eachObject(ctx, t.folder+"/v1", func(o *object) error {
		if o.topic != t.topic {
			return fmt.Errorf("it says that it is of %s", o.topic)
		}
		rows, err := t.objectRows(o)
		if err != nil {
			return err
		}
		p := v.at(o.place)
		p.spans = append(p.spans, o.span)
		for i := range rows {
			b := &rows[i]
			b.key.log = unique.Make(o.log)
			if o.path != t.pathOf(o, b) {
				v.r.unexplained("%s lies in %s, where readers of its window and date do not look", b.key, o.path)
				continue
			}
			s := v.see(b, "object "+o.path)
			if s.objects++; s.objects == 1 || o.first < s.from {
				s.at, s.from = p, o.first
			}
		}
		return nil
	})
}

// pathOf is where an object with a row lies.
func (t *table) pathOf(o *object, b *builder) string {
	date := time.UnixMilli(b.key.start).UTC().Format(time.DateOnly)
	path := fmt.Sprintf("study=%s/date=%s/%s", o.folder("study"), date, o.path[strings.LastIndexByte(o.path, '/')+1:])
	if t.schema == wire.RowsWindows {
		path = fmt.Sprintf("window=%ds/%s", b.key.length, path)
	}
	return path
}

// folder is the value of a Hive partition in the object's path, as it stands there.
func (o *object) folder(name string) string {
	_, rest, _ := strings.Cut(o.path, name+"=")
	value, _, _ := strings.Cut(rest, "/")
	return value
}

// objectRows makes the rows of an object. Its study is in its path, and a column
// that it does not have is NULL.
func (t *table) objectRows(o *object) ([]builder, error) {
	study := ""
	if escaped := o.folder("study"); escaped != "~unassigned" {
		var err error
		if study, err = url.PathUnescape(escaped); err != nil {
			return nil, err
		}
	}
	rows := t.builders(o.NumRows())
	names := make([]string, 0, len(t.columns))
	for _, path := range o.Schema().Columns() {
		names = append(names, strings.Join(path, "."))
	}
	for _, c := range t.columns {
		var err error
		i := 0
		take := func(value parquet.Value) {
			if err == nil && i < len(rows) {
				err = rows[i].add(c, value)
			}
			i++
		}
		fill := parquet.NullValue()
		if c.name == "study" {
			fill = parquet.ByteArrayValue([]byte(study))
		}
		if at := slices.Index(names, c.name); at >= 0 {
			if err := eachValue(o.File, at, take); err != nil {
				return nil, fmt.Errorf("column %q: %w", c.name, err)
			}
		} else {
			for range rows {
				take(fill)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, t.known(names)
}

func (t *table) builders(n int64) []builder {
	rows := make([]builder, n)
	for i := range rows {
		rows[i].key.table = t
	}
	return rows
}

// known refuses columns that the table does not have: nothing could be compared.
func (t *table) known(names []string) error {
	for _, n := range names {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == n }) {
			return fmt.Errorf("%s has no column %q", t.name, n)
		}
	}
	return nil
}

// loggedRows takes a committed record of a topic of rows.
func (v *verifier) loggedRows(p *partition, r *kgo.Record) error {
	m := &message{offset: r.Offset, appended: r.Timestamp, headers: headers(r)}
	rec := m.record(p, nil)
	p.records[r.Offset] = rec
	at := slices.IndexFunc(v.tables, func(t *table) bool { return t.schema == m.headers[wire.HeaderSchema] })
	if v.ClickHouse == nil || at < 0 {
		return nil
	}
	batches, err := wire.DecodeRows(r.Value)
	if err != nil {
		v.r.unexplained("cannot read offset %d of %s: %v", r.Offset, p, err)
		return nil
	}
	for _, b := range batches {
		rows, err := v.tables[at].batchRows(b)
		b.Release()
		if err != nil {
			v.r.unexplained("cannot read offset %d of %s: %v", r.Offset, p, err)
			continue
		}
		for i := range rows {
			rows[i].key.log = unique.Make(p.log)
			s := v.see(&rows[i], "the log")
			if s.logged++; s.logged == 1 {
				s.first = rec
			}
		}
	}
	return nil
}

// batchRows makes the rows of an Arrow record.
func (t *table) batchRows(b arrow.Record) ([]builder, error) {
	rows := t.builders(b.NumRows())
	var names []string
	for _, f := range b.Schema().Fields() {
		names = append(names, f.Name)
	}
	for _, c := range t.columns {
		at := slices.Index(names, c.name)
		for i := range rows {
			value := parquet.NullValue()
			if at >= 0 && b.Column(at).IsValid(i) {
				switch a := b.Column(at).(type) {
				case *array.String:
					value = parquet.ByteArrayValue([]byte(a.Value(i)))
				case *array.Timestamp:
					value = parquet.Int64Value(int64(a.Value(i)))
				case *array.Uint32:
					value = parquet.Int32Value(int32(a.Value(i)))
				case *array.Float32:
					value = parquet.FloatValue(a.Value(i))
				}
			}
			if err := rows[i].add(c, value); err != nil {
				return nil, err
			}
		}
	}
	return rows, t.known(names)
}
