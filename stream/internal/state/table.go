package state

import (
	"maps"
	"slices"
)

// Table is an ordered map that knows, until the next Commit, what its changed rows
// were before. A row is never changed in place. Key and Compare must be set.
type Table[K comparable, V any] struct {
	Key     func(V) K
	Compare func(a, b K) int

	rows []V           // ascending
	was  map[K]undo[V] // changed rows
}

type undo[V any] struct {
	row   V
	there bool
}

// Rows are the rows in order, to be read.
func (t *Table[K, V]) Rows() []V { return t.rows }

// From is the index of the first row at or after a key.
func (t *Table[K, V]) From(k K) int {
	i, _ := t.find(k)
	return i
}

// Get answers the row of a key.
func (t *Table[K, V]) Get(k K) (row V, ok bool) {
	if i, ok := t.find(k); ok {
		return t.rows[i], true
	}
	return row, false
}

// Set puts a row in place of the one with its key, if there is one.
func (t *Table[K, V]) Set(row V) {
	k := t.Key(row)
	i, there := t.find(k)
	t.note(k, i, there)
	t.put(i, there, row)
}

// Remove removes the row of a key, if there is one.
func (t *Table[K, V]) Remove(k K) {
	if i, there := t.find(k); there {
		t.RemoveRange(i, i+1)
	}
}

// RemoveRange removes the rows [i, j).
func (t *Table[K, V]) RemoveRange(i, j int) {
	for k := i; k < j; k++ {
		t.note(t.Key(t.rows[k]), k, true)
	}
	t.rows = slices.Delete(t.rows, i, j)
}

// Changed yields the keys that changed since the last Commit, in order, with their
// rows now; there is false where the row is gone.
func (t *Table[K, V]) Changed(yield func(k K, row V, there bool) error) error {
	for _, k := range slices.SortedFunc(maps.Keys(t.was), t.Compare) {
		row, there := t.Get(k)
		if !there && !t.was[k].there {
			continue // came and went
		}
		if err := yield(k, row, there); err != nil {
			return err
		}
	}
	return nil
}

// Commit makes the rows what a Rollback goes back to.
func (t *Table[K, V]) Commit() { t.was = nil }

// Rollback takes back what changed since the last Commit.
func (t *Table[K, V]) Rollback() {
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

func (t *Table[K, V]) find(k K) (int, bool) {
	return slices.BinarySearchFunc(t.rows, k, func(row V, k K) int { return t.Compare(t.Key(row), k) })
}

func (t *Table[K, V]) note(k K, i int, there bool) {
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

func (t *Table[K, V]) put(i int, there bool, row V) {
	if there {
		t.rows[i] = row
		return
	}
	if n := len(t.rows); n == cap(t.rows) { // there are thousands of tables: no room to spare
		t.rows = append(make([]V, 0, n+n/8+4), t.rows...)
	}
	t.rows = slices.Insert(t.rows, i, row)
}
