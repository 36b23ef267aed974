// Package storetest is the conformance suite of object.Store, and a store that
// fails on demand.
//
// A package that tests a store calls Main from its TestMain, since parts of the
// suite run in processes that are killed, and Run with a function that names an
// empty place which object.Open opens.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wearstream/wearstream/sink/object"
)

// Run runs the suite. place names an empty place for each part.
func Run(t *testing.T, place func(t *testing.T) string) {
	for name, test := range map[string]func(*testing.T, string){
		"round trip":           roundTrip,
		"wrong checksum":       wrongChecksum,
		"keys":                 keys,
		"missing":              missing,
		"ranges":               ranges,
		"list":                 list,
		"list many":            listMany,
		"race":                 race,
		"race of large bodies": raceLarge,
		"adoption":             adoption,
		"race of processes":    raceOfProcesses,
		"killed while putting": killed,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

func open(t *testing.T, place string) object.Store {
	t.Helper()
	s, err := object.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s object.Store, key string, body []byte, meta map[string]string) {
	t.Helper()
	if err := s.Put(t.Context(), key, body, sha256.Sum256(body), meta); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s object.Store, key string) []byte {
	t.Helper()
	body, err := s.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func keysOf(t *testing.T, s object.Store, prefix, after string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func roundTrip(t *testing.T, place string) {
	s := open(t, place)
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	meta := map[string]string{"first": "17", "row_sha256": strings.Repeat("a", 64)}
	put(t, s, "a/b=c/d.parquet", body, meta)
	put(t, s, "a/empty", nil, nil)

	if err := s.Put(t.Context(), "a/empty", body, sha256.Sum256(body), nil); !errors.Is(err, object.ErrExists) {
		t.Errorf("second put: %v", err)
	}
	s = open(t, place) // a store has no memory
	if !bytes.Equal(get(t, s, "a/b=c/d.parquet"), body) {
		t.Error("another body came back")
	}
	if len(get(t, s, "a/empty")) != 0 {
		t.Error("the second put changed the object")
	}
	sum := sha256.Sum256(body)
	info, err := s.Head(t.Context(), "a/b=c/d.parquet")
	if err != nil || info.Key != "a/b=c/d.parquet" || info.Size != int64(len(body)) || info.SHA256 != hex.EncodeToString(sum[:]) || !maps.Equal(info.Meta, meta) {
		t.Errorf("head: %+v, %v", info, err)
	}
}

func wrongChecksum(t *testing.T, place string) {
	s := open(t, place)
	sum := sha256.Sum256([]byte("other"))
	if err := s.Put(t.Context(), "k", []byte("body"), sum, nil); !errors.Is(err, object.ErrChecksum) {
		t.Errorf("put: %v", err)
	}
	if got := keysOf(t, s, "", ""); len(got) > 0 {
		t.Errorf("it was stored: %q", got)
	}
}

func keys(t *testing.T, place string) {
	s := open(t, place)
	sum := sha256.Sum256(nil)
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a/.tmp/b", "a\x00b", `a\b`, strings.Repeat("x", 255), strings.Repeat("x/", 600) + "x"} {
		if err := s.Put(t.Context(), key, nil, sum, nil); !errors.Is(err, object.ErrKey) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := s.Get(t.Context(), key, 0, -1); !errors.Is(err, object.ErrKey) {
			t.Errorf("get %q: %v", key, err)
		}
		if _, err := s.Head(t.Context(), key); !errors.Is(err, object.ErrKey) {
			t.Errorf("head %q: %v", key, err)
		}
	}
	good := []string{"a", "b c/ü=1/~x", "study=%3A.x/d", strings.Repeat("y", 254)}
	for _, key := range good {
		put(t, s, key, []byte(key), nil)
		if string(get(t, s, key)) != key {
			t.Errorf("get %q: another object", key)
		}
	}
	slices.Sort(good)
	if got := keysOf(t, s, "", ""); !slices.Equal(got, good) {
		t.Errorf("list: %q", got)
	}
}

func missing(t *testing.T, place string) {
	s := open(t, place)
	put(t, s, "a/b", nil, nil)
	for _, key := range []string{"c", "a", "a/b/c", "a/c"} { // a folder is no object
		if _, err := s.Get(t.Context(), key, 0, -1); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("get %q: %v", key, err)
		}
		if _, err := s.Head(t.Context(), key); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("head %q: %v", key, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "late", nil, sha256.Sum256(nil), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("put after cancel: %v", err)
	}
}

func ranges(t *testing.T, place string) {
	s := open(t, place)
	put(t, s, "k", []byte("0123456789"), nil)
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {0, 0, ""}, {3, 4, "3456"}, {9, 1, "9"}, {8, 100, "89"}, {4, -1, "456789"}, {10, 5, ""}, {50, -1, ""}} {
		got, err := s.Get(t.Context(), "k", c.offset, c.length)
		if err != nil || string(got) != c.want {
			t.Errorf("get [%d, +%d): %q, %v", c.offset, c.length, got, err)
		}
	}
}

func list(t *testing.T, place string) {
	s := open(t, place)
	// A slash sorts between . and 0, so folders do not sort by their names.
	all := []string{"a", "b!x", "b-1", "b.c", "b/1", "b/2/3", "b/2/4", "b/20", "b0", "c=1/d", "c=10/d", "c=2/d", "ü"}
	for _, i := range []int{7, 0, 12, 3, 9, 1, 11, 5, 2, 10, 4, 8, 6} {
		put(t, s, all[i], []byte("x"), nil)
	}
	if got := keysOf(t, s, "", ""); !slices.Equal(got, all) {
		t.Fatalf("list: %q", got)
	}
	for _, prefix := range append([]string{"b/", "b", "c=1", "c=1/", "b/2/", "nothing", "b/2", "c"}, all...) {
		for _, after := range append([]string{"", "b", "b/", "b/2", "b/2/", "c=1/", "zzz", "0"}, all...) {
			var want []string
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if got := keysOf(t, s, prefix, after); !slices.Equal(got, want) {
				t.Errorf("list %q after %q: %q, want %q", prefix, after, got, want)
			}
		}
	}
	for info, err := range s.List(t.Context(), "b", "") {
		if err != nil || info.Size != 1 {
			t.Errorf("list: %+v, %v", info, err)
		}
		break // a caller may stop
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.List(ctx, "", "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("list after cancel: %v", err)
		}
	}
}

// listMany is more than S3 answers at once.
func listMany(t *testing.T, place string) {
	s := open(t, place)
	want := PutMany(t, s, 1050)
	got := keysOf(t, s, "many/", "")
	if !slices.Equal(got, want) {
		t.Errorf("%d keys, want %d in order", len(got), len(want))
	}
	if got := keysOf(t, s, "many/", want[1010]); !slices.Equal(got, want[1011:]) {
		t.Errorf("%d keys after the 1,011th", len(got))
	}
}

// PutMany puts n empty objects below many/ and answers their keys in order.
func PutMany(t *testing.T, s object.Store, n int) []string {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("many/%07d", i*7919)
	}
	var wg sync.WaitGroup
	for first := range 16 {
		wg.Go(func() {
			for i := first; i < n; i += 16 {
				if err := s.Put(t.Context(), keys[i], nil, sha256.Sum256(nil), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return keys
}

func race(t *testing.T, place string) { raceOf(t, place, 20, 64<<10) }

// raceLarge: a server answers the losers before it has read their bodies, and
// many of them see a reset connection instead of the answer.
func raceLarge(t *testing.T, place string) { raceOf(t, place, 2, 2<<20) }

func raceOf(t *testing.T, place string, rounds, size int) {
	for round := range rounds {
		key := fmt.Sprintf("new%d/folder/k", round) // also the folders are made at once
		stores := []object.Store{open(t, place), open(t, place)}
		var winners atomic.Int32
		var won atomic.Pointer[[]byte]
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				body := bytes.Repeat([]byte{byte(i)}, size)
				switch err := stores[i%2].Put(t.Context(), key, body, sha256.Sum256(body), nil); {
				case err == nil:
					winners.Add(1)
					won.Store(&body)
				case !errors.Is(err, object.ErrExists):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if winners.Load() != 1 {
			t.Fatalf("%d winners", winners.Load())
		}
		if !bytes.Equal(get(t, stores[0], key), *won.Load()) {
			t.Fatal("the object is not the winner's")
		}
	}
}
