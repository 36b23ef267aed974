package device

import (
	"cmp"
	"maps"
	"slices"
)

// table is an ordered map that knows, until the next commit, what its changed
// rows were before. A row is never changed in place.
type table[K comparable, V any] struct {
	key     func(V) K
	compare func(a, b K) int
	rows    []V           // ascending
	was     map[K]undo[V] // changed rows
}

type undo[V any] struct {
	row   V
	there bool
}

func (t *table[K, V]) find(k K) (int, bool) {
	return slices.BinarySearchFunc(t.rows, k, func(row V, k K) int { return t.compare(t.key(row), k) })
}

// from is the index of the first row at or after a key.
func (t *table[K, V]) from(k K) int {
	i, _ := t.find(k)
	return i
}

func (t *table[K, V]) get(k K) (row V, ok bool) {
	if i, ok := t.find(k); ok {
		return t.rows[i], true
	}
	return row, false
}

func (t *table[K, V]) note(k K, i int, there bool) {
	if _, noted := t.was[k]; noted {
		return
	}
	if t.was == nil {
		t.was = map[K]undo[V]{}
	}
	u := undo[V]{there: there}
	if there {
		u.row = t.rows[i]
	}
	t.was[k] = u
}

func (t *table[K, V]) set(row V) {
	k := t.key(row)
	i, there := t.find(k)
	t.note(k, i, there)
	t.put(i, there, row)
}

func (t *table[K, V]) put(i int, there bool, row V) {
	if there {
		t.rows[i] = row
		return
	}
	if n := len(t.rows); n == cap(t.rows) { // there are thousands of tables: no room to spare
		t.rows = append(make([]V, 0, n+n/8+4), t.rows...)
	}
	t.rows = slices.Insert(t.rows, i, row)
}

func (t *table[K, V]) remove(k K) {
	if i, there := t.find(k); there {
		t.note(k, i, true)
		t.rows = slices.Delete(t.rows, i, i+1)
	}
}

// removeRange removes the rows [i, j).
func (t *table[K, V]) removeRange(i, j int) {
	for k := i; k < j; k++ {
		t.note(t.key(t.rows[k]), k, true)
	}
	t.rows = slices.Delete(t.rows, i, j)
}

// changed yields the keys that changed since the last commit, in order, with
// their rows now; there is false where the row is gone.
func (t *table[K, V]) changed(yield func(k K, row V, there bool) error) error {
	for _, k := range slices.SortedFunc(maps.Keys(t.was), t.compare) {
		row, there := t.get(k)
		if !there && !t.was[k].there {
			continue // came and went
		}
		if err := yield(k, row, there); err != nil {
			return err
		}
	}
	return nil
}

func (t *table[K, V]) commit() { t.was = nil }

func (t *table[K, V]) rollback() {
	for k, u := range t.was {
		i, there := t.find(k)
		switch {
		case u.there:
			t.put(i, there, u.row)
		case there:
			t.rows = slices.Delete(t.rows, i, i+1)
		}
	}
	t.was = nil
}

// name is the name of a batch within its sensor.
type name struct{ boot, seq uint64 }

func compareNames(a, b name) int {
	return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(a.seq, b.seq))
}
