package engine

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decode undoes a Content-Encoding. One that it does not know is refused: a body
// that is passed on undecoded could be taken for something else.
func decode(encoding string, body io.Reader) (io.ReadCloser, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip", "x-gzip":
		return opened(gzip.NewReader(body))
	case "deflate":
		return opened(zlib.NewReader(body))
	case "br":
		return io.NopCloser(brotli.NewReader(body)), nil
	case "lz4":
		return io.NopCloser(lz4.NewReader(body)), nil
	case "zstd":
		r, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	}
	return nil, refuse(codeCompression, "UNKNOWN_COMPRESSION_METHOD", "Content-Encoding %q is not one of gzip, deflate, br, zstd, lz4", encoding)
}

func opened[R io.ReadCloser](r R, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, unreadable(err)
	}
	return r, nil
}

// unreadable is a body that breaks off or does not decode.
func unreadable(err error) error {
	return refuse(codeCannotRead, "CANNOT_READ_ALL_DATA", "Cannot read the body of the request: %v", err)
}

// encode applies the first encoding of Accept-Encoding that we know, and names it.
func encode(accept string, w io.Writer) (string, io.WriteCloser) {
	for name := range strings.SplitSeq(accept, ",") {
		name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), ";")
		switch name {
		case "gzip":
			return name, gzip.NewWriter(w)
		case "deflate":
			return name, zlib.NewWriter(w)
		case "br":
			return name, brotli.NewWriterLevel(w, brotli.BestSpeed)
		case "lz4":
			return name, lz4.NewWriter(w)
		case "zstd":
			if z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err == nil {
				return name, z
			}
		}
	}
	return "", nil
}

// frames reads ClickHouse's own compressed frames (decompress=1).
type frames struct {
	src    counter
	frames *compress.Reader
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func newFrames(r io.Reader) *frames {
	f := &frames{src: counter{r: r}}
	f.frames = compress.NewReader(&f.src)
	return f
}

// Read tells an end between frames, which is the end, from one inside a frame,
// which is not; the frame reader wraps io.EOF in both cases.
func (f *frames) Read(p []byte) (int, error) {
	before := f.src.n
	n, err := f.frames.Read(p)
	if errors.Is(err, io.EOF) {
		if err = io.EOF; f.src.n != before {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// sticky reads until the first error, and then gives that error again. Peek forgets
// it, and a reader of frames goes on after a broken one, with zeros in its place.
type sticky struct {
	r   io.Reader
	err error
}

func (s *sticky) Read(p []byte) (n int, err error) {
	if s.err == nil {
		n, s.err = s.r.Read(p)
	}
	return n, s.err
}

// fill reads until buf is full or reading ends, and keeps the reader's own error:
// io.ReadFull would make an early end look like a clean one.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// frameMethod is the method of the frames of an answer (compress=1).
func frameMethod(name string) compress.Method {
	if strings.EqualFold(name, "ZSTD") {
		return compress.ZSTD
	}
	return compress.LZ4
}

// contentTypes are those of the formats that people and tools look at.
var contentTypes = map[string]string{
	"JSON": "application/json; charset=UTF-8", "JSONCompact": "application/json; charset=UTF-8",
	"JSONEachRow": "application/x-ndjson; charset=UTF-8", "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
	"CSV": "text/csv; charset=UTF-8; header=absent", "CSVWithNames": "text/csv; charset=UTF-8; header=present",
	"TSV": "text/tab-separated-values; charset=UTF-8", "TabSeparated": "text/tab-separated-values; charset=UTF-8",
	"TSVWithNames": "text/tab-separated-values; charset=UTF-8", "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
	"Pretty": "text/plain; charset=UTF-8", "PrettyCompact": "text/plain; charset=UTF-8", "Vertical": "text/plain; charset=UTF-8",
	"XML": "application/xml; charset=UTF-8", "Markdown": "text/markdown; charset=UTF-8",
}

func setContentType(h http.Header, format string) {
	kind := contentTypes[format]
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	h.Set("X-ClickHouse-Format", format)
}
