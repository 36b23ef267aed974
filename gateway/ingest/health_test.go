package ingest

import (
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var h health
	if h.check(at) == nil {
		t.Error("healthy before the log has answered")
	}
	h.known.Store(true)
	h.began(at)
	h.began(at.Add(4 * time.Second))
	if err := h.check(at.Add(5 * time.Second)); err != nil {
		t.Error(err)
	}
	if h.check(at.Add(6*time.Second)) == nil {
		t.Error("healthy although nothing was answered for 6 s")
	}
	h.ended(at.Add(6*time.Second), false) // an error is no progress
	if h.check(at.Add(6*time.Second)) == nil {
		t.Error("healthy although nothing good was answered")
	}
	h.ended(at.Add(7*time.Second), true)
	if err := h.check(at.Add(time.Hour)); err != nil {
		t.Errorf("idle: %v", err)
	}
}
