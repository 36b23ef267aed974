package engine

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

const (
	holdBack = 1 << 20          // output that waits, so that an early error still gets its status
	maxFrame = 1 << 20          // bytes in one compressed frame
	lastRead = 10 * time.Second // for a client to read a late exception before the connection ends
)

// answer is the output of one request: frames (compress=1) inside a content
// encoding inside what is held back.
type answer struct {
	w        http.ResponseWriter
	limit    int // bytes to hold back; negative: all
	held     []byte
	started  bool
	accept   string // Accept-Encoding, where the client asked for it
	encoder  io.WriteCloser
	compress *compress.Writer
	tag      string          // marks a late exception
	gone     <-chan struct{} // the client left
	forgets  bool            // the client drops what it has not yet handed on when the connection ends
}

func newAnswer(w http.ResponseWriter, r *http.Request) *answer {
	a := &answer{w: w, limit: holdBack, tag: strings.ToLower(rand.Text()[:16]), gone: r.Context().Done(),
		forgets: strings.HasPrefix(r.UserAgent(), "clickhouse-js")}
	q := r.URL.Query()
	if q.Get("wait_end_of_query") == "1" {
		a.limit = -1
	}
	if q.Get("compress") == "1" {
		a.compress = compress.NewWriter(compress.LevelZero, frameMethod(q.Get("network_compression_method")))
	}
	if q.Get("enable_http_compression") == "1" {
		a.accept = r.Header.Get("Accept-Encoding")
	}
	w.Header().Set("X-ClickHouse-Exception-Tag", a.tag)
	a.beginEncoding()
	return a
}

func (a *answer) beginEncoding() {
	var name string
	if name, a.encoder = encode(a.accept, holder{a}); name != "" {
		a.w.Header().Set("Content-Encoding", name)
	}
}

// holder is the lowest layer.
type holder struct{ *answer }

func (h holder) Write(p []byte) (int, error) {
	if !h.started {
		if h.limit < 0 || len(h.held)+len(p) <= h.limit {
			h.held = append(h.held, p...)
			return len(p), nil
		}
		h.started = true
		if _, err := h.w.Write(h.held); err != nil {
			return 0, err
		}
		h.held = nil
	}
	return h.w.Write(p)
}

// plain writes below the frames.
func (a *answer) plain(p []byte) error {
	var w io.Writer = holder{a}
	if a.encoder != nil {
		w = a.encoder
	}
	_, err := w.Write(p)
	return err
}

func (a *answer) Write(p []byte) (int, error) {
	if a.compress == nil {
		return len(p), a.plain(p)
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxFrame)
		if err := a.compress.Compress(rest[:n]); err != nil {
			return 0, err
		}
		if err := a.plain(a.compress.Data); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// finish sends what is held back.
func (a *answer) finish() error {
	if a.encoder != nil {
		if err := a.encoder.Close(); err != nil {
			return err
		}
	}
	if a.started {
		return nil
	}
	a.started = true
	a.w.Header().Set("Content-Length", strconv.Itoa(len(a.held)))
	_, err := a.w.Write(a.held)
	return err
}

// fail answers with an exception. After output began it stands at the end of it,
// in the frame that clients look for, and the connection breaks off, so that
// nobody takes the output for whole.
func (a *answer) fail(e *exception) {
	if !a.started {
		a.held = nil
		a.limit = -1
		h := a.w.Header()
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Del("X-ClickHouse-Format")
		a.beginEncoding()
		_, _ = io.WriteString(a, e.text+"\n")
		if a.encoder != nil {
			_ = a.encoder.Close()
		}
		h.Set("Content-Length", strconv.Itoa(len(a.held)))
		a.w.WriteHeader(e.status())
		_, _ = a.w.Write(a.held)
		return
	}
	text := e.text
	if len(text) > 8192 {
		text = text[:8192]
	}
	_ = http.NewResponseController(a.w).Flush() // the frame is to be one chunk
	_ = a.plain(fmt.Appendf(nil, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, text, len(text)+1, a.tag))
	if a.encoder != nil {
		_ = a.encoder.Close()
	}
	_ = http.NewResponseController(a.w).Flush()
	if a.forgets { // the official Node client, which leaves when it has read the frame
		select {
		case <-a.gone:
		case <-time.After(lastRead):
		}
	}
	panic(http.ErrAbortHandler)
}
