package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/stream"
	"github.com/wearstream/wearstream/stream/wire"
)

// New returns the sink that stores the cuts of one cell's topics below <cell>/:
// the rows of features.v1 and participants.v1 by table, study and date, every other
// topic as landing. build is written into each object. Cuts of different partitions may
// be written at once.
func New(store Store, cell, build string) stream.Sink {
	return &objects{
		store: store, cell: cell, build: build,
		mem: memory.NewGoAllocator(),
		out: func(w io.Writer) io.Writer { return w },
	}
}

type objects struct {
	store       Store
	cell, build string
	mem         memory.Allocator
	out         func(io.Writer) io.Writer // what a file is written through; tests make it fail
}

// object is an encoded file that may be put.
type object struct {
	key  string
	meta Meta
	body []byte
	sum  [sha256.Size]byte
}

func (o *objects) Write(ctx context.Context, cut stream.Cut) error {
	topic, ours := strings.CutPrefix(cut.Topic, wire.TopicName(o.cell, ""))
	if !ours || topic == "" {
		return sink.Permanent(fmt.Errorf("store cut of topic %q: it is not a topic of cell %q", cut.Topic, o.cell))
	}
	build := o.landing
	if topic == wire.TopicFeatures || topic == wire.TopicParticipants {
		build = o.rows
	}
	files, err := build(topic, cut)
	if err == nil {
		err = o.put(ctx, files)
	}
	if err != nil {
		return fmt.Errorf("store offsets %d to %d of %s/%d: %w", cut.First, cut.Next, cut.Topic, cut.Partition, err)
	}
	return nil
}

func (o *objects) landing(topic string, cut stream.Cut) ([]*object, error) {
	rec := landingRows(o.mem, cut.Records)
	defer rec.Release()
	file, err := newFile(landingKey(o.cell, topic, cut.Range), rec, Meta{Range: cut.Range, Schema: SchemaLanding, Build: o.build}, o.out)
	return []*object{file}, err
}

func (o *objects) rows(_ string, cut stream.Cut) ([]*object, error) {
	groups, release, err := tableRows(cut.Records)
	defer release()
	if err != nil {
		return nil, err
	}
	files := make([]*object, len(groups))
	for i, g := range groups {
		rec, err := g.record(o.mem)
		if err != nil {
			return nil, sink.Permanent(err)
		}
		files[i], err = newFile(g.key(o.cell, cut.Range), rec, Meta{Range: cut.Range, Schema: g.schema, Build: o.build}, o.out)
		rec.Release()
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// put stores the objects of one cut, those that are not there yet. It writes
// nothing if one of them is there from a cut with another end.
//
// A crash between two of them leaves the first ones, and the same cut adds the
// rest. If the cut's end was lost meanwhile, it is found again: the first of
// them holds the first row, so every cut from the same offset with a row in it
// has that key.
func (o *objects) put(ctx context.Context, files []*object) error {
	var missing []*object
	for _, f := range files {
		switch _, err := o.store.Head(ctx, f.key); {
		case errors.Is(err, ErrNotFound):
			missing = append(missing, f)
		case err != nil:
			return err
		default:
			if err := o.compare(ctx, f); err != nil {
				return err
			}
		}
	}
	for _, f := range missing {
		meta := f.meta.Map()
		meta["cell"] = o.cell
		err := o.store.Put(ctx, f.key, f.body, f.sum, meta)
		if errors.Is(err, ErrExists) { // an earlier attempt was stored after all, or another writer was faster
			err = o.compare(ctx, f)
		}
		if errors.Is(err, ErrKey) {
			err = sink.Permanent(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compare says whether the object at the key of f may stand for it: the same
// rows of the same cut, whichever version of the library wrote them.
func (o *objects) compare(ctx context.Context, f *object) error {
	body, err := o.store.Get(ctx, f.key, 0, -1)
	if err != nil {
		return err
	}
	if sha256.Sum256(body) == f.sum {
		return nil
	}
	stored, err := decode(body)
	if err != nil {
		return sink.Permanent(fmt.Errorf("stored object %q cannot be read, move it away and start again: %w", f.key, err))
	}
	want := f.meta
	same := stored
	same.Build = want.Build
	switch {
	case same == want:
		return nil
	case same.Log != want.Log || same.Topic != want.Topic || same.Partition != want.Partition || same.First != want.First || same.Schema != want.Schema:
		return sink.Permanent(fmt.Errorf("stored object %q says that it is another: %+v", f.key, stored))
	case same.Next != want.Next:
		return &stream.AdoptError{Next: stored.Next}
	}
	return sink.Permanent(fmt.Errorf("stored object %q holds other rows of the same offsets: row hash %s by build %q, now %s by build %q", f.key, stored.RowSHA256, stored.Build, want.RowSHA256, want.Build))
}
