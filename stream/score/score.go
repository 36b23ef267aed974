package score

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wearstream/wearstream/stream/wire"
)

// ContentType is that of requests and answers.
const ContentType = "application/vnd.apache.arrow.stream"

// Results of an answer.
const (
	ResultAnswered = "answered"
	ResultNothing  = "nothing"
	ResultRefused  = "refused" // the rows are skipped
)

// Answer is what a model said of a request.
type Answer struct {
	Result        string // one of Result…
	Code          int    // HTTP status
	Model, Digest string // empty if refused
	Body          []byte // Arrow IPC stream; of an answer only
	Reason        string // of a refusal
}

// Scorer asks one model about the cuts of one cell.
type Scorer struct {
	cfg        Config
	cell, name string
	schema     *arrow.Schema
	http       *http.Client
	m          *metrics

	mu     sync.Mutex
	halted map[string]error // by topic and partition
}

// New checks and stores; it dials nothing. The name is this scorer's. The schema is
// that of the rows; features that it has and a row has not are NULL.
func New(cfg Config, cell, name string, schema *arrow.Schema, reg prometheus.Registerer) (*Scorer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !wire.ValidName(name) {
		return nil, fmt.Errorf("name: %q is not a name", name)
	}
	t, err := cfg.transport()
	if err != nil {
		return nil, err
	}
	s := &Scorer{cfg: cfg, cell: cell, name: name, schema: schema, halted: map[string]error{}}
	s.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.m = newMetrics(reg, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.halted))
	})
	return s, nil
}

// Ready says which partitions wait for a person, and why.
func (s *Scorer) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for at, err := range s.halted {
		errs = append(errs, fmt.Errorf("%s is halted, nothing behind it is scored: %w", at, err))
	}
	return errors.Join(errs...)
}

// Ask sends a request once. An error means that the same must be asked again. What
// is answered without one has been read: q.Scores takes it.
func (s *Scorer) Ask(ctx context.Context, q *Request) (Answer, error) {
	start := time.Now()
	a, result, err := s.ask(ctx, q)
	s.m.seconds.Observe(time.Since(start).Seconds())
	s.m.requests.WithLabelValues(result).Inc()
	if err != nil {
		err = fmt.Errorf("ask the model about offsets %d to %d of %s/%d: %w", q.Range.First, q.Range.Next, q.Range.Topic, q.Range.Partition, err)
	}
	if result == resultFailed {
		return a, err // it says nothing new of whether the partition waits for a person
	}
	s.note(ctx, fmt.Sprintf("%s/%d", q.Range.Topic, q.Range.Partition), err)
	return a, err
}

// note halts a partition, or ends that. What was halted is forgotten with the
// assignment of the partition, which ends ctx.
func (s *Scorer) note(ctx context.Context, at string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.halted, at)
		return
	}
	if s.halted[at] == nil {
		context.AfterFunc(ctx, func() { s.note(ctx, at, nil) })
	}
	s.halted[at] = err
}

func (s *Scorer) ask(ctx context.Context, q *Request) (a Answer, result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := s.post(ctx, q)
	if err != nil {
		return a, resultFailed, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return a, resultFailed, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, s.cfg.AnswerBytes+1))
	if err != nil {
		return a, resultFailed, fmt.Errorf("read answer: %w", err)
	}
	a = Answer{Code: resp.StatusCode}
	switch {
	case a.Code == http.StatusOK, a.Code == http.StatusNoContent:
		if err := s.read(&a, q, resp.Header, body); err != nil {
			return a, resultUnreadable, fmt.Errorf("answer %d cannot be read: %w", a.Code, err)
		}
		return a, a.Result, nil
	case a.Code == http.StatusRequestTimeout, a.Code == http.StatusTooEarly, a.Code == http.StatusTooManyRequests, a.Code >= 500:
		return a, resultFailed, fmt.Errorf("the service answers %s: %s", resp.Status, excerpt(body))
	case a.Code < 400:
		return a, resultUnreadable, fmt.Errorf("the service answers %s; only 200 and 204 are answers, and redirects are not followed: give the address itself", resp.Status)
	}
	a.Result, a.Reason = ResultRefused, excerpt(body)
	ofRows := a.Code == http.StatusBadRequest || a.Code == http.StatusRequestEntityTooLarge || a.Code == http.StatusUnprocessableEntity
	if ofRows && s.cfg.OnRefusal == refusalSkip {
		return a, ResultRefused, nil
	}
	return a, ResultRefused, fmt.Errorf("the model refuses with %s: %s", resp.Status, a.Reason)
}

func (s *Scorer) post(ctx context.Context, q *Request) (*http.Request, error) {
	body, err := wire.EncodeRows(q.rows)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	token, err := s.cfg.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range map[string]string{
		"Content-Type": ContentType, "Accept": ContentType, "User-Agent": "wearstream",
		"Idempotency-Key":     string(q.Range.Log) + "/" + span(q.Range),
		"X-Wearstream-Cell":   s.cell,
		"X-Wearstream-Range":  span(q.Range),
		"X-Wearstream-Rows":   strconv.Itoa(len(q.Asked)),
		"X-Wearstream-Scorer": s.name,
	} {
		req.Header.Set(name, value)
	}
	return req, nil
}

var (
	modelName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,127}$`)
	modelDigest = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
)

// read takes an answer in, if it is what was agreed.
func (s *Scorer) read(a *Answer, q *Request, h http.Header, body []byte) error {
	a.Model, a.Digest = h.Get("X-Model-Name"), strings.ToLower(h.Get("X-Model-Digest"))
	switch {
	case !modelName.MatchString(a.Model):
		return fmt.Errorf("header X-Model-Name is %q, want a name of at most 128 letters, digits and . _ : @ + / -", clip(a.Model))
	case !modelDigest.MatchString(a.Digest):
		return fmt.Errorf("header X-Model-Digest is %q, want 8 to 64 hex digits", clip(a.Digest))
	case int64(len(body)) > s.cfg.AnswerBytes:
		return fmt.Errorf("it is longer than %d bytes (score.answer_bytes)", s.cfg.AnswerBytes)
	case a.Code == http.StatusNoContent:
		a.Result = ResultNothing
		return nil
	case h.Get("Content-Type") != ContentType:
		return fmt.Errorf("its content type is %q, want %s", clip(h.Get("Content-Type")), ContentType)
	}
	a.Result, a.Body = ResultAnswered, body
	_, err := q.Scores(*a)
	return err
}

// excerpt is the beginning of a text from outside, on one line.
func excerpt(body []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(body[:min(len(body), 1024)]), "?"))
	return clip(strings.TrimSpace(text))
}

func clip(text string) string {
	if len(text) > 500 {
		return strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}
