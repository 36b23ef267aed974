package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// name is the name of a batch for ever.
type name struct {
	sensor    word
	boot, seq uint64
}

func (n name) String() string { return fmt.Sprintf("batch %s %d/%d", n.sensor.Value(), n.boot, n.seq) }

func (n name) compare(o name) int {
	return cmp.Or(cmp.Compare(n.sensor.Value(), o.sensor.Value()), cmp.Compare(n.boot, o.boot), cmp.Compare(n.seq, o.seq))
}

// truth is everything that was ever acknowledged, as the records say it.
type truth struct {
	names    []name             // in order
	copies   map[name][]*record // logs in the order of time, then offsets
	broken   []*record          // samples that cannot be decoded
	ends     map[word][]*record // by sensor
	refusals []*record
	sources  map[string]*record // a refusal by what it refuses
}

func (v *verifier) newTruth() *truth {
	t := &truth{copies: map[name][]*record{}, ends: map[word][]*record{}, sources: map[string]*record{}}
	began := map[string]time.Time{} // logs
	for _, at := range slices.SortedFunc(maps.Keys(v.partitions), place.compare) {
		for _, rec := range v.partitions[at].inOrder() {
			if first, ok := began[at.log]; !ok || rec.appended.Before(first) {
				began[at.log] = rec.appended
			}
			switch {
			case rec.refusal != nil:
				t.refusals = append(t.refusals, rec)
			case rec.end != nil:
				t.ends[rec.end.sensor] = append(t.ends[rec.end.sensor], rec)
			case rec.batch == nil:
			case rec.batch.broken:
				t.broken = append(t.broken, rec)
			default:
				t.copies[rec.batch.name] = append(t.copies[rec.batch.name], rec)
			}
		}
	}
	for _, copies := range t.copies {
		slices.SortFunc(copies, func(a, b *record) int {
			return cmp.Or(began[a.at.log].Compare(began[b.at.log]), a.at.compare(b.at.place), cmp.Compare(a.offset, b.offset))
		})
	}
	t.names = slices.SortedFunc(maps.Keys(t.copies), name.compare)
	return t
}

// firsts are the first copy of each log, in the order of the logs. The last of
// them is what batches shows.
func firsts(copies []*record) []*record {
	var all []*record
	for i, c := range copies {
		if i == 0 || c.at.log != copies[i-1].at.log {
			all = append(all, c)
		}
	}
	return all
}

// source is how a refusal names the bytes that it refuses. Logs have the same
// offsets, so their hash belongs to it.
func (v *verifier) source(r *record) string {
	return fmt.Sprintf("%s/%d/%d %s", wire.TopicName(v.Cell, r.at.topic), r.at.partition, r.offset, hexOf(r.batch.sum))
}

// judgeBatches explains the copies of a name beyond the first of each log, and
// what cannot be decoded.
func (v *verifier) judgeBatches(t *truth) {
	v.r.Batches = len(t.names)
	type once struct{ log, source string }
	seen := map[once]bool{}
	for _, rec := range t.refusals {
		source := rec.refusal.source + " " + rec.refusal.sum
		one := once{rec.at.log, source}
		switch {
		case rec.refusal.source == "":
			v.r.explain(ClassQuarantined, 1) // by the gateway
		case !seen[one]:
			seen[one], t.sources[source] = true, rec
			v.r.explain(ClassQuarantined, 1)
		case v.embedded:
			v.r.explain(ClassEmbeddedRepeat, 1)
		default:
			v.r.doubled(1, "quarantine holds %s twice, at offset %d of %s", rec.refusal.source, rec.offset, rec.at)
		}
	}
	for _, rec := range t.broken {
		v.refused(t, rec, "", "a payload that cannot be decoded")
	}
	for _, n := range t.names {
		v.judgeCopies(t, n, t.copies[n])
	}
}

func (v *verifier) judgeCopies(t *truth, n name, copies []*record) {
	if copies[0].impossible() {
		v.r.explain(ClassImpossible, 1)
	}
	first := copies[0] // of its log
	for _, c := range copies[1:] {
		was := first
		same := c.batch.sum == was.batch.sum
		if c.at.log != first.at.log {
			first = c
		}
		switch {
		case same && first != c && v.embedded && c.batch.received == was.batch.received:
			v.r.explain(ClassEmbeddedRepeat, 1)
		case same:
			v.r.explain(ClassRepeat, 1)
		case first == c: // two logs cannot know of one another
			v.r.explain(ClassConflict, 1)
		default:
			if v.refused(t, c, wire.ReasonConflict, n.String()+" with other bytes") {
				v.r.explain(ClassConflict, 1)
			}
		}
	}
}

// refused reports whether a record of device.v1 is in quarantine, with this
// reason if one is given, and complains if it must be and is not.
func (v *verifier) refused(t *truth, rec *record, reason, what string) bool {
	have := t.sources[v.source(rec)]
	switch {
	case have != nil && (reason == "" || have.refusal.reason == reason):
		return true
	case rec.age < v.Due.Tables:
		v.r.explain(ClassNotDue, 1)
	default:
		v.r.unexplained("%s, at offset %d of %s, is not in quarantine", what, rec.offset, rec.at)
	}
	return false
}

func (r *record) impossible() bool { return r.batch.flags&wire.FlagImpossibleTime != 0 }
