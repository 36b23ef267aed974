package device

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wearstream/wearstream/stream/internal/state"
	"github.com/wearstream/wearstream/stream/window"
)

func TestBlockGivesBackItsMembers(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 500 {
		first := name{rng.Uint64N(5), blockLen * rng.Uint64N(1<<rng.IntN(50))}
		var members []member
		offset := rng.Int64N(1 << 40)
		for i := range uint64(blockLen) {
			if round%3 > 0 || rng.IntN(9) > 0 || i == 255 {
				offset += 125 + rng.Int64N(1+int64(round%7)*4)
				if rng.IntN(100) == 0 && round%2 == 0 {
					offset = rng.Int64N(1 << uint(1+rng.IntN(62)))
				}
				members = append(members, member{first.seq + i, offset})
			}
		}
		h := blockHead{last: members[3].seq, end: rng.Int64() - math.MaxInt64/2, ends: round%5 > 0}
		b := newBlock(first, 1, 2, h, members)
		got, err := b.members()
		if err != nil || !slices.Equal(got, members) {
			t.Fatalf("round %d: %v\n got %v\nwant %v", round, err, got, members)
		}
		again, _, err := b.head()
		low := slices.MinFunc(members, func(a, b member) int { return int(a.offset - b.offset) }).offset
		if err != nil || again.ends != h.ends || h.ends && (again.end != h.end || again.last != h.last) || again.low != low {
			t.Fatalf("round %d: head %+v, want %+v and low %d: %v", round, again, h, low, err)
		}
	}
}

func FuzzBlock(f *testing.F) {
	b := newBlock(name{1, 256}, 1, 2, blockHead{last: 300, end: 5, ends: true}, []member{{256, 10}, {257, 135}, {300, 7}})
	f.Add(b.code)
	f.Add("")
	f.Fuzz(func(t *testing.T, code string) {
		b := block{first: name{1, 256}, code: code}
		members, err := b.members()
		if err != nil {
			return
		}
		h, _, err := b.head()
		if err != nil || len(members) > blockLen || len(members) == 0 {
			t.Fatalf("%d members, %v", len(members), err)
		}
		for _, m := range members {
			if m.seq < 256 || m.seq >= 512 || m.offset < h.low {
				t.Fatalf("member %v", m)
			}
		}
		again := newBlock(b.first, 0, 0, h, members)
		if got, err := again.members(); err != nil || !slices.Equal(got, members) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	b := newBench(f)
	b.send(recording(1, origin, 120, 320)...)
	b.Commit()
	for k, v := range b.State {
		f.Add(k, v)
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s, err := restoreSensor("w1", map[string][]byte{state.Key(kindHead, "w1"): b.State[state.Key(kindHead, "w1")], key: value})
		if err == nil && s.handedUntil() == window.MaxTime {
			t.Fatal("no such time")
		}
	})
}
