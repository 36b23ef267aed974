package object_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink/object"
)

// front stands before an S3 server and breaks what HTTP has: requests and
// answers. It signs what it passes on again, so it stands before any account,
// and may do so with a clock that is off.
type front struct {
	*httptest.Server
	pass   *httputil.ReverseProxy
	region string
	creds  aws.CredentialsProvider
	clock  time.Duration // how far the clocks behind it are from this one's, seen from before it

	mu    sync.Mutex
	match func(*http.Request) bool
	times int
	act   action
	codes map[int]int // answers by status
}

// action does something else with a request than to pass it on.
type action func(f *front, w http.ResponseWriter, r *http.Request)

func newFront(t *testing.T, upstream string) *front {
	t.Helper()
	to, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &front{region: cfg.Region, creds: cfg.Credentials, codes: map[int]int{}}
	f.pass = &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			f.sign(t, r.Out)
		},
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.codes[r.StatusCode]++
			if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
				r.Header.Set("Date", at.Add(-f.clock).Format(http.TimeFormat))
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *front) sign(t *testing.T, r *http.Request) {
	who, err := f.creds.Retrieve(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Del("Authorization")
	if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).
		SignHTTP(t.Context(), who, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", f.region, at.Add(f.clock)); err != nil {
		t.Error(err)
	}
}

// on lets the next n requests of a kind be acted on, all if n is negative.
func (f *front) on(match func(*http.Request) bool, n int, act action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.match, f.times, f.act = match, n, act
}

func (f *front) heal() { f.on(nil, 0, nil) }

// answers is how many answers of that status the server behind it gave.
func (f *front) answers(status int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.codes[status]
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	act := action(nil)
	if f.times != 0 && f.match(r) {
		f.times--
		act = f.act
	}
	f.mu.Unlock()
	if act == nil {
		f.pass.ServeHTTP(w, r)
		return
	}
	act(f, w, r)
}

// reset ends a connection so that the client sees a reset.
func reset(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// The body is not read, and nothing is passed on.
func resetBefore(_ *front, w http.ResponseWriter, _ *http.Request) { reset(w) }

// resetInBody passes half of the body on, and then both sides are cut.
func resetInBody(f *front, w http.ResponseWriter, r *http.Request) {
	r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
	f.pass.ServeHTTP(w, r) // whose error handler resets
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// acted is the server's answer, which the client has not seen.
func (f *front) acted(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	f.pass.ServeHTTP(answer, r)
	return answer
}

func resetAfter(f *front, w http.ResponseWriter, r *http.Request) {
	f.acted(r)
	reset(w)
}

// cutHead ends within the answer's first line.
func cutHead(f *front, w http.ResponseWriter, r *http.Request) {
	f.acted(r)
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		io.WriteString(c, "HTTP/1.1 2")
		c.Close()
	}
}

// cutBody sends the head and half of the body.
func cutBody(f *front, w http.ResponseWriter, r *http.Request) {
	answer := f.acted(r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// answer is an error of S3 instead of the server's.
func answer(status int, code string, stored bool) action {
	return func(f *front, w http.ResponseWriter, r *http.Request) {
		if stored {
			f.acted(r)
		} else {
			io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>injected</Message></Error>", code)
	}
}

// Kinds of requests.
func query(r *http.Request, name string) bool { return r.URL.Query().Has(name) }
func isPut(r *http.Request) bool              { return r.Method == http.MethodPut && !query(r, "uploadId") }
func isPart2(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2"
}
func isCreate(r *http.Request) bool   { return r.Method == http.MethodPost && query(r, "uploads") }
func isComplete(r *http.Request) bool { return r.Method == http.MethodPost && query(r, "uploadId") }
func isGet(r *http.Request) bool      { return r.Method == http.MethodGet && !query(r, "list-type") }
func isHead(r *http.Request) bool     { return r.Method == http.MethodHead }
func isNextPage(r *http.Request) bool { return query(r, "continuation-token") }

// way is a store behind a proxy for what TCP has, behind that a front, and the
// server.
type way struct {
	store, direct object.Store
	front         *front
	proxy         *toxiproxy.Proxy
}

func (s server) way(t *testing.T, stall time.Duration) *way {
	t.Helper()
	parts.Used(t, parts.Toxiproxy)
	place := s.place()
	direct, err := object.OpenThrough(place, s.endpoint, stall)
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, s.endpoint)
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()),
		t.Name(), "127.0.0.1:0", strings.TrimPrefix(f.URL, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	store, err := object.OpenThrough(place, "http://"+p.Listen, stall)
	if err != nil {
		t.Fatal(err)
	}
	return &way{store: store, direct: direct, front: f, proxy: p}
}

// toxic adds one; heal removes them and stands up what was stopped.
func (w *way) toxic(t *testing.T, kind, stream, attributes string) {
	t.Helper()
	if _, err := w.proxy.Toxics.AddToxicJson(bytes.NewBufferString(
		fmt.Sprintf(`{"name": "%s-%s", "type": "%s", "stream": "%s", "attributes": {%s}}`, kind, stream, kind, stream, attributes))); err != nil {
		t.Error(err)
	}
}

func (w *way) heal(t *testing.T) {
	t.Helper()
	w.front.heal()
	w.proxy.Toxics.ResetToxics(t.Context())
	if !w.proxy.Enabled {
		if err := w.proxy.Start(); err != nil {
			t.Error(err)
		}
	}
}
