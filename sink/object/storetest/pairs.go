package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/stream"
)

// Rig is a store with a way to it that can be broken.
type Rig struct {
	Store  object.Store // by that way
	Direct object.Store // past it: what is really stored
	Break  func(n int)  // breaks the next n puts, all if negative
	Heal   func()
}

// Pair is one way in which a put goes wrong.
type Pair struct {
	Name    string
	Stored  bool // the object is there although the put was answered with an error
	Mended  bool // the store itself tries again, so that one break is not seen
	Lasting bool // it cannot happen once only
	Open    func(t *testing.T) *Rig
}

// Pairs runs a put of body through each of them, once broken and for ever broken.
// Its parts are parallel.
func Pairs(t *testing.T, pairs []Pair, body []byte) {
	for _, p := range pairs {
		for times, name := range map[int]string{1: "once", -1: "for ever"} {
			if times == 1 && p.Lasting {
				continue
			}
			t.Run(p.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				rig := p.Open(t)
				p.alone(t, rig, times, body)
				p.lostRace(t, rig, times, body)
				p.write(t, rig, times)
			})
		}
	}
}

// unknown wants that an error is none of the answers: nobody knows whether the
// object is stored.
func (p Pair) unknown(t *testing.T, times int, err error) {
	t.Helper()
	if times > 0 && p.Mended && err != nil {
		t.Errorf("broken once: %v", err)
	}
	if sink.IsPermanent(err) {
		t.Errorf("not to be tried again: %v", err)
	}
	for _, sentinel := range []error{object.ErrExists, object.ErrNotFound, object.ErrChecksum, object.ErrKey} {
		if errors.Is(err, sentinel) {
			t.Errorf("taken for an answer: %v", err)
		}
	}
	if err != nil {
		t.Log(err)
	}
}

func (p Pair) stored(t *testing.T, rig *Rig, key string, want []byte) {
	t.Helper()
	sum := sha256.Sum256(want)
	info, err := rig.Direct.Head(t.Context(), key)
	if err != nil || info.SHA256 != hex.EncodeToString(sum[:]) || !bytes.Equal(get(t, rig.Direct, key), want) {
		t.Errorf("stored: %+v, %v", info, err)
	}
}

// alone: nobody else writes. The put is there or not, as its error says, and the
// next one makes it whole or finds it.
func (p Pair) alone(t *testing.T, rig *Rig, times int, body []byte) {
	const key = "alone/k"
	sum := sha256.Sum256(body)
	rig.Break(times)
	err := rig.Store.Put(t.Context(), key, body, sum, map[string]string{"k": "v"})
	rig.Heal()
	p.unknown(t, times, err)
	_, headErr := rig.Direct.Head(t.Context(), key)
	there := headErr == nil
	if headErr != nil && !errors.Is(headErr, object.ErrNotFound) {
		t.Fatal(headErr)
	}
	if want := err == nil || p.Stored; there != want {
		t.Errorf("stored: %v, want %v (put: %v)", there, want, err)
	}
	if err == nil && !p.Mended {
		t.Error("broken, and no error")
	}

	// The answer to a second put may be lost by itself, and then the same body is
	// taken for its own.
	again := rig.Store.Put(t.Context(), key, body, sum, nil)
	if again != nil && !(there && errors.Is(again, object.ErrExists)) {
		t.Errorf("put again: %v", again)
	}
	other := bytes.Repeat([]byte("other"), len(body)/5)
	if err := rig.Store.Put(t.Context(), key, other, sha256.Sum256(other), nil); !errors.Is(err, object.ErrExists) {
		t.Errorf("put of another body: %v", err)
	}
	p.stored(t, rig, key, body)
	if keys := keysOf(t, rig.Direct, "alone/", ""); len(keys) != 1 {
		t.Errorf("objects: %q", keys)
	}
}

// lostRace: another writer was faster, and its object stays.
func (p Pair) lostRace(t *testing.T, rig *Rig, times int, body []byte) {
	const key = "race/k"
	winner := []byte("the winner's")
	put(t, rig.Direct, key, winner, nil)
	rig.Break(times)
	err := rig.Store.Put(t.Context(), key, body, sha256.Sum256(body), nil)
	rig.Heal()
	switch {
	case err == nil:
		t.Error("a lost race was taken for won")
	case !errors.Is(err, object.ErrExists):
		p.unknown(t, times, err)
	}
	if err := rig.Store.Put(t.Context(), key, body, sha256.Sum256(body), nil); !errors.Is(err, object.ErrExists) {
		t.Errorf("put again: %v", err)
	}
	p.stored(t, rig, key, winner)
}

// write is the sink above: the cut is stored once, however often it is written.
func (p Pair) write(t *testing.T, rig *Rig, times int) {
	to := object.New(rig.Store, "main", "v1")
	rig.Break(times)
	if err := to.Write(t.Context(), cut(3, "payload")); err != nil {
		p.unknown(t, times, err)
	}
	rig.Heal()
	for range 2 {
		if err := to.Write(t.Context(), cut(3, "payload")); err != nil {
			t.Errorf("write again: %v", err)
		}
	}
	if _, ok := errors.AsType[*stream.AdoptError](to.Write(t.Context(), cut(2, "payload"))); !ok {
		t.Error("another end of the cut was not adopted")
	}
	if err := to.Write(t.Context(), cut(3, "another")); !sink.IsPermanent(err) {
		t.Errorf("other rows of the same offsets: %v", err)
	}
	if keys := keysOf(t, rig.Direct, "main/", ""); len(keys) != 1 {
		t.Errorf("objects: %q", keys)
	}
}
