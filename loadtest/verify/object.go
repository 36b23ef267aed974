package verify

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/wearstream/wearstream/stream/wire"
)

// object is an open object and what it says of itself.
type object struct {
	*parquet.File
	path string // below the folder of its kind, with slashes
	place
	span
}

// eachObject gives every object below a folder to take. One that cannot be read
// is a finding. So is one that stands under another name than it says: a copy
// of an object that is there counts as its rows twice, and is not taken.
func (v *verifier) eachObject(ctx context.Context, kind string, take func(*object) error) error {
	root := v.Cell + "/" + kind
	paths, err := v.store.list(ctx, root)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, p := range paths {
		there[p] = true
	}
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := v.withObject(ctx, root, path, func(o *object) error {
			proper := o.proper()
			switch {
			case proper == path:
			case there[proper]:
				v.r.doubled(int(o.NumRows()), "object %s/%s is a copy of %s", kind, path, proper)
				return nil
			default:
				v.r.unexplained("object %s/%s says that it is %s", kind, path, proper)
			}
			return take(o)
		})
		if err != nil {
			v.r.unexplained("cannot read %s/%s: %v", kind, path, err)
		}
		v.Progress("read "+kind, i+1, len(paths))
	}
	return nil
}

// withObject opens an object, checks that its rows are those that it was written
// with, and gives it to take. The library may panic on what is damaged.
func (v *verifier) withObject(ctx context.Context, root, path string, take func(*object) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	r, size, done, err := v.store.open(ctx, root+"/"+path)
	if err != nil {
		return err
	}
	defer done()
	pf, err := parquet.OpenFile(r, size)
	if err != nil {
		return err
	}
	o := &object{File: pf, path: path}
	if err := o.describe(v.Cell); err != nil {
		return err
	}
	o.span.object = path
	sum, err := rowHash(pf)
	if err != nil {
		return err
	}
	if said, _ := pf.Lookup("wearstream.row_sha256"); said != sum {
		v.r.unexplained("the rows of %s are not those that it was written with", path)
	}
	return take(o)
}

// describe reads the object's metadata.
func (o *object) describe(cell string) (err error) {
	text := func(name string) string {
		value, ok := o.Lookup("wearstream." + name)
		if !ok && err == nil {
			err = fmt.Errorf("it has no %s", name)
		}
		return value
	}
	number := func(name string) int64 {
		n, fault := strconv.ParseInt(text(name), 10, 64)
		if fault != nil && err == nil {
			err = fmt.Errorf("its %s: %w", name, fault)
		}
		return n
	}
	topic := strings.TrimPrefix(text("topic"), wire.TopicName(cell, ""))
	o.place = place{topic, text("log"), int32(number("partition"))}
	o.first, o.next = number("first"), number("next")
	if rows := number("rows"); err == nil && rows != o.NumRows() {
		err = fmt.Errorf("it has %d rows and says %d", o.NumRows(), rows)
	}
	return err
}

// proper is the path that belongs to what the object says of itself. The folder
// of an object of rows follows from its rows instead.
func (o *object) proper() string {
	if slices.Contains(rowTopics, o.topic) {
		return fmt.Sprintf("%s%s-%04d-%020d.parquet", o.path[:strings.LastIndexByte(o.path, '/')+1], o.log, o.partition, o.first)
	}
	return fmt.Sprintf("topic=%s/log=%s/partition=%d/%020d.parquet", o.topic, o.log, o.partition, o.first)
}

// eachValue gives every value of a leaf column, in the order of the rows.
func eachValue(f *parquet.File, column int, take func(parquet.Value)) error {
	values := make([]parquet.Value, 256)
	for _, group := range f.RowGroups() {
		pages := group.ColumnChunks()[column].Pages()
		defer pages.Close()
		for {
			page, err := pages.ReadPage()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			in, n := page.Values(), 0
			for err == nil {
				n, err = in.ReadValues(values)
				for _, v := range values[:n] {
					take(v)
				}
			}
			parquet.Release(page)
			if err != io.EOF {
				return err
			}
		}
	}
	return nil
}
