package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/wearstream/wearstream/sink/object"
)

// Fault is how a Put of a Faulty store fares.
type Fault int

const (
	None   Fault = iota
	Before       // it fails and has stored nothing
	After        // it fails, but has stored the object
)

// ErrFault is the error of a Put that was made to fail.
var ErrFault = errors.New("fault")

// Faulty is a store of which some Puts fail.
type Faulty struct {
	object.Store

	mu   sync.Mutex
	plan []Fault
	puts int
}

// NewFaulty makes the first Puts fare as planned, and later ones well.
func NewFaulty(s object.Store, plan ...Fault) *Faulty { return &Faulty{Store: s, plan: plan} }

// Puts is the number of calls of Put so far.
func (f *Faulty) Puts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.puts
}

func (f *Faulty) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	f.mu.Lock()
	fault := None
	if f.puts < len(f.plan) {
		fault = f.plan[f.puts]
	}
	f.puts++
	f.mu.Unlock()

	if fault == Before {
		return ErrFault
	}
	err := f.Store.Put(ctx, key, body, sum, meta)
	if fault == After && err == nil {
		err = ErrFault
	}
	return err
}
