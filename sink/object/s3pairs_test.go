package object_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

// long is more than any test waits; soon is what one that waits for silence does.
const (
	long = 30 * time.Second
	soon = 700 * time.Millisecond
)

func base64Of(sum [sha256.Size]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }

func (s server) sameTags(t *testing.T, place, key string, want ...string) {
	t.Helper()
	bucket, path := bucketAndKey(place, key)
	out, err := s.client(t).GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: bucket, Key: path})
	if err != nil {
		t.Error(err)
		return
	}
	var got []string
	for _, tag := range out.TagSet {
		got = append(got, *tag.Key+"="+*tag.Value)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("tags of %s: %q, want %q", key, got, want)
	}
}

// noUploads wants that no parts are left for somebody to pay for.
func (s server) noUploads(t *testing.T, place string) {
	t.Helper()
	bucket, prefix := bucketAndKey(place, "")
	out, err := s.client(t).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: bucket, Prefix: prefix})
	if err != nil || len(out.Uploads) > 0 {
		t.Errorf("uploads left: %+v, %v", out, err)
	}
}

// httpPair breaks requests of a kind.
func (s server) httpPair(name string, stored bool, match func(*http.Request) bool, act action) storetest.Pair {
	return storetest.Pair{Name: name, Stored: stored, Mended: true, Open: func(t *testing.T) *storetest.Rig {
		w := s.way(t, long)
		return &storetest.Rig{Store: w.store, Direct: w.direct, Break: func(n int) { w.front.on(match, n, act) }, Heal: func() { w.heal(t) }}
	}}
}

// tcpPair breaks the connections.
func (s server) tcpPair(name string, stored bool, stall time.Duration, act func(t *testing.T, w *way)) storetest.Pair {
	return storetest.Pair{Name: name, Stored: stored, Lasting: true, Open: func(t *testing.T) *storetest.Rig {
		w := s.way(t, stall)
		return &storetest.Rig{Store: w.store, Direct: w.direct, Break: func(int) { act(t, w) }, Heal: func() { w.heal(t) }}
	}}
}

func TestConformanceS3Pairs(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		storetest.Pairs(t, []storetest.Pair{
			s.httpPair("reset before the body", false, isPut, resetBefore),
			s.httpPair("reset in the body", false, isPut, resetInBody),
			s.httpPair("reset instead of the answer", true, isPut, resetAfter),
			s.httpPair("answer cut in its first line", true, isPut, cutHead),
			s.httpPair("503 SlowDown", false, isPut, answer(503, "SlowDown", false)),
			s.httpPair("500 InternalError and stored", true, isPut, answer(500, "InternalError", true)),
			s.httpPair("409 ConditionalRequestConflict", false, isPut, answer(409, "ConditionalRequestConflict", false)),
			s.tcpPair("TCP: nobody listens", false, long, func(_ *testing.T, w *way) { w.proxy.Stop() }),
			s.tcpPair("TCP: reset at the first byte", false, long, func(t *testing.T, w *way) { w.toxic(t, "reset_peer", "upstream", `"timeout": 0`) }),
			s.tcpPair("TCP: request cut after 100 KB", false, long, func(t *testing.T, w *way) { w.toxic(t, "limit_data", "upstream", `"bytes": 100000`) }),
			s.tcpPair("TCP: reset instead of the answer", true, long, func(t *testing.T, w *way) { w.toxic(t, "reset_peer", "downstream", `"timeout": 0`) }),
			s.tcpPair("TCP: answer cut after 10 bytes", true, long, func(t *testing.T, w *way) { w.toxic(t, "limit_data", "downstream", `"bytes": 10`) }),
			s.tcpPair("TCP: silence, requests swallowed", false, soon, func(t *testing.T, w *way) { w.toxic(t, "timeout", "upstream", `"timeout": 0`) }),
			s.tcpPair("TCP: silence, answers swallowed", true, soon, func(t *testing.T, w *way) { w.toxic(t, "timeout", "downstream", `"timeout": 0`) }),
		}, bytes.Repeat([]byte("body "), 200_000))
	})
}

func TestConformanceS3PairsInParts(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		storetest.Pairs(t, []storetest.Pair{
			s.httpPair("create: reset before", false, isCreate, resetBefore),
			s.httpPair("create: reset instead of the answer", false, isCreate, resetAfter),
			s.httpPair("part: reset in the body", false, isPart2, resetInBody),
			s.httpPair("part: reset instead of the answer", false, isPart2, resetAfter),
			s.httpPair("part: 503 SlowDown", false, isPart2, answer(503, "SlowDown", false)),
			s.httpPair("complete: reset before", false, isComplete, resetBefore),
			s.httpPair("complete: reset instead of the answer", true, isComplete, resetAfter),
			s.httpPair("complete: answer cut in its body", true, isComplete, cutBody),
			s.httpPair("complete: 503 SlowDown", false, isComplete, answer(503, "SlowDown", false)),
			s.httpPair("complete: 200 with an error in it", true, isComplete, answer(200, "InternalError", true)),
		}, bytes.Repeat([]byte("body "), (6<<20)/5))
	})
}

// What reads is whole, or an error that is not taken for an answer.
func TestConformanceS3Reads(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		w := s.way(t, long)
		body := bytes.Repeat([]byte("0123456789"), 100_000)
		if err := w.direct.Put(t.Context(), "k", body, sha256.Sum256(body), nil); err != nil {
			t.Fatal(err)
		}
		spans := []struct{ offset, length int64 }{{0, -1}, {0, 1000}, {500_000, -1}, {999_000, 5000}, {2_000_000, 10}}
		get := func(offset, length int64) error {
			got, err := w.store.Get(t.Context(), "k", offset, length)
			from := min(offset, int64(len(body)))
			want := body[from:]
			if length >= 0 {
				want = body[from:min(from+length, int64(len(body)))]
			}
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("get [%d, +%d): %d bytes, want %d", offset, length, len(got), len(want))
			}
			return err
		}
		for name, act := range map[string]action{"reset before": resetBefore, "reset instead of the answer": resetAfter, "cut in the head": cutHead,
			"cut in the body": cutBody, "503 SlowDown": answer(503, "SlowDown", false)} {
			for _, span := range spans {
				if name == "cut in the body" && span.offset > int64(len(body)) {
					continue // a cut 416 is a 416
				}
				w.front.on(isGet, 2, act)
				if err := get(span.offset, span.length); err != nil {
					t.Errorf("%s, twice: %v", name, err)
				}
				w.front.on(isGet, -1, act)
				err := get(span.offset, span.length)
				w.front.heal()
				lastingError(t, name, err)
			}
			if name == "cut in the body" {
				continue // HEAD has none
			}
			w.front.on(isHead, 2, act)
			if info, err := w.store.Head(t.Context(), "k"); err != nil || info.SHA256 != fmt.Sprintf("%x", sha256.Sum256(body)) {
				t.Errorf("head, %s, twice: %+v, %v", name, info, err)
			}
			w.front.heal()
		}
		// The same by TCP, in the midst of the body.
		w.toxic(t, "limit_data", "downstream", `"bytes": 300000`)
		lastingError(t, "TCP: cut", get(0, -1))
		if err := get(500_000, 1000); err != nil {
			t.Errorf("a range shorter than the cut: %v", err)
		}
		w.heal(t)

		// A server that ignores the range, as HTTP allows.
		w.front.on(isGet, -1, func(f *front, rw http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			f.pass.ServeHTTP(rw, r)
		})
		if err := get(10, 5); err == nil || !strings.Contains(err.Error(), "asked for bytes=10-14") {
			t.Errorf("range ignored: %v", err)
		}
		w.front.heal()
		if err := get(10, 5); err != nil {
			t.Error(err)
		}
	})
}

func lastingError(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, object.ErrNotFound) || sink.IsPermanent(err) || strings.Contains(name, "SlowDown") != strings.Contains(fmt.Sprint(err), "SlowDown") {
		t.Errorf("%s, for ever: %v", name, err)
	}
}

// A list goes on where it was, and ends with an error where it cannot.
func TestConformanceS3List(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		w := s.way(t, long)
		want := storetest.PutMany(t, w.direct, 1050)
		list := func() (got []string, err error) {
			for info, err := range w.store.List(t.Context(), "many/", "") {
				if err != nil {
					return got, err
				}
				got = append(got, info.Key)
			}
			return got, nil
		}
		for name, act := range map[string]action{"reset": resetAfter, "cut in the body": cutBody, "503 SlowDown": answer(503, "SlowDown", false)} {
			w.front.on(isNextPage, 2, act)
			if got, err := list(); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, twice: %d keys, %v", name, len(got), err)
			}
			w.front.on(isNextPage, -1, act)
			got, err := list()
			w.front.heal()
			lastingError(t, name, err)
			if !slices.Equal(got, want[:1000]) {
				t.Errorf("%s: %d keys before the error", name, len(got))
			}
		}
	})
}

// Slow is not broken: what takes longer than a stall, but moves, arrives. (An
// upload too, but the buffers of loopback hide that it is slow: TestStall.)
func TestConformanceS3Slow(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		const stall = 2 * time.Second
		w := s.way(t, stall)
		body := bytes.Repeat([]byte{1}, 4<<20)
		put := func(key string) {
			t.Helper()
			if err := w.store.Put(t.Context(), key, body, sha256.Sum256(body), nil); err != nil {
				t.Error(err)
			}
		}
		w.toxic(t, "latency", "downstream", `"latency": 200, "jitter": 50`)
		put("latency")
		w.heal(t)
		w.toxic(t, "bandwidth", "upstream", `"rate": 4000`)
		put("bandwidth")
		w.heal(t)

		w.toxic(t, "bandwidth", "downstream", `"rate": 1500`)
		start := time.Now()
		if got, err := w.store.Get(t.Context(), "bandwidth", 0, -1); err != nil || !bytes.Equal(got, body) {
			t.Errorf("get: %d bytes, %v", len(got), err)
		}
		if took := time.Since(start); took < stall {
			t.Errorf("it took %v, which is no test of what is slower than a stall", took)
		}
		w.heal(t)

		// Silence that ends before the attempts do.
		w.toxic(t, "timeout", "upstream", `"timeout": 0`)
		healed := make(chan struct{})
		time.AfterFunc(stall/2, func() { w.heal(t); close(healed) })
		put("silence")
		<-healed
	})
}

// The client's clock is 20 minutes off, seen from the server, and the server
// says so: the SDK corrects it by the server's own.
func TestConformanceS3Clock(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, s server) {
		for _, off := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
			w := s.way(t, long)
			w.front.clock = off
			for i := range 3 {
				body := []byte("body")
				if err := w.store.Put(t.Context(), fmt.Sprint(i), body, sha256.Sum256(body), nil); err != nil {
					t.Errorf("clock off by %v: %v", off, err)
				}
			}
			if n := w.front.answers(http.StatusForbidden); n != 1 {
				t.Errorf("clock off by %v: refused %d times, want once, before it is corrected", off, n)
			}
		}
	})
}
