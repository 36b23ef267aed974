package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is libchdb: the C functions that we call, by their own names.
type library struct {
	setSignalHandlersEnabled func(enabled int32)
	connect                  func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn                func(conn unsafe.Pointer)
	query                    queryFunc
	streamQuery              queryFunc
	streamFetch              func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamCancel             func(conn, stream unsafe.Pointer)
	streamInsert             queryFunc
	streamAppend             func(stream, data unsafe.Pointer, n uintptr) int32
	streamDone               func(stream unsafe.Pointer) unsafe.Pointer
	streamCancelInsert       func(stream unsafe.Pointer)
	streamInsertError        func(stream unsafe.Pointer) string
	destroyInsertStream      func(stream unsafe.Pointer)
	destroyResult            func(result unsafe.Pointer)
	resultBuffer             func(result unsafe.Pointer) unsafe.Pointer
	resultLength             func(result unsafe.Pointer) uintptr
	resultError              func(result unsafe.Pointer) string
	resultRowsRead           func(result unsafe.Pointer) uint64
	resultBytesRead          func(result unsafe.Pointer) uint64
	resultRowsWritten        func(result unsafe.Pointer) uint64
	resultBytesWritten       func(result unsafe.Pointer) uint64
}

// queryFunc is the shape of the three functions that begin a statement.
type queryFunc func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr,
	names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer

// load opens libchdb and checks that it has every function, so that another
// version fails here and not in the middle of a statement.
func load(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %q: %w", path, err)
	}
	l := new(library)
	for _, f := range []struct {
		fn   any
		name string
	}{
		{&l.setSignalHandlersEnabled, "chdb_set_signal_handlers_enabled"},
		{&l.connect, "chdb_connect"},
		{&l.closeConn, "chdb_close_conn"},
		{&l.query, "chdb_query_with_params_n"},
		{&l.streamQuery, "chdb_stream_query_with_params_n"},
		{&l.streamFetch, "chdb_stream_fetch_result"},
		{&l.streamCancel, "chdb_stream_cancel_query"},
		{&l.streamInsert, "chdb_stream_insert_with_params_n"},
		{&l.streamAppend, "chdb_stream_append"},
		{&l.streamDone, "chdb_stream_done"},
		{&l.streamCancelInsert, "chdb_stream_cancel_insert"},
		{&l.streamInsertError, "chdb_stream_insert_error"},
		{&l.destroyInsertStream, "chdb_destroy_insert_stream"},
		{&l.destroyResult, "chdb_destroy_query_result"},
		{&l.resultBuffer, "chdb_result_buffer"},
		{&l.resultLength, "chdb_result_length"},
		{&l.resultError, "chdb_result_error"},
		{&l.resultRowsRead, "chdb_result_rows_read"},
		{&l.resultBytesRead, "chdb_result_bytes_read"},
		{&l.resultRowsWritten, "chdb_result_rows_written"},
		{&l.resultBytesWritten, "chdb_result_bytes_written"},
	} {
		symbol, err := purego.Dlsym(handle, f.name)
		if err != nil {
			return nil, fmt.Errorf("%q has no %s; it is not the pinned version: %w", path, f.name, err)
		}
		purego.RegisterFunc(f.fn, symbol)
	}
	return l, nil
}

// session is one connection to the engine: its own database, settings and
// temporary tables. One statement at a time.
type session struct {
	lib    *library
	handle unsafe.Pointer // chdb_connection *
}

// open makes a session. The first one boots the engine with args; later ones
// join it.
func (l *library) open(args []string) (*session, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv[i] = &b[0]
	}
	pin.Pin(&argv[0])
	handle := l.connect(int32(len(args)), unsafe.Pointer(&argv[0]))
	if handle == nil {
		return nil, errors.New("the engine refused the connection; its messages say why")
	}
	return &session{lib: l, handle: handle}, nil
}

func (s *session) conn() unsafe.Pointer { return *(*unsafe.Pointer)(s.handle) }

func (s *session) close() { s.lib.closeConn(s.handle) }

// param is one {name:Type} of a statement.
type param struct{ name, value string }

// begin calls one of the functions that begin a statement.
func (s *session) begin(f queryFunc, sql, format string, params []param) unsafe.Pointer {
	var pin runtime.Pinner
	defer pin.Unpin()
	bytes := func(s string) unsafe.Pointer {
		if s == "" {
			s = "\x00"
		}
		p := unsafe.StringData(s)
		pin.Pin(p)
		return unsafe.Pointer(p)
	}
	n := len(params)
	pointers, lengths := make([]unsafe.Pointer, 2*n+1), make([]uintptr, 2*n+1)
	for i, p := range params {
		pointers[i], lengths[i] = bytes(p.name), uintptr(len(p.name))
		pointers[n+i], lengths[n+i] = bytes(p.value), uintptr(len(p.value))
	}
	pin.Pin(&pointers[0])
	pin.Pin(&lengths[0])
	return f(s.conn(), bytes(sql), uintptr(len(sql)), bytes(format), uintptr(len(format)),
		unsafe.Pointer(&pointers[0]), unsafe.Pointer(&lengths[0]),
		unsafe.Pointer(&pointers[n]), unsafe.Pointer(&lengths[n]), uintptr(n))
}

// summary is what a statement has read and written.
type summary struct{ readRows, readBytes, writtenRows, writtenBytes uint64 }

// take copies a result out of the engine and frees it.
func (l *library) take(result unsafe.Pointer) ([]byte, summary, error) {
	if result == nil {
		return nil, summary{}, errors.New("the engine gave no result")
	}
	defer l.destroyResult(result)
	if text := l.resultError(result); text != "" {
		return nil, summary{}, newException(text)
	}
	sum := summary{l.resultRowsRead(result), l.resultBytesRead(result), l.resultRowsWritten(result), l.resultBytesWritten(result)}
	n := l.resultLength(result)
	if n == 0 {
		return nil, sum, nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(l.resultBuffer(result)), n)...), sum, nil
}

// run runs a statement and returns its whole output.
func (s *session) run(sql, format string, params ...param) ([]byte, summary, error) {
	return s.lib.take(s.begin(s.lib.query, sql, format, params))
}

// rows is the output of a statement, chunk by chunk.
type rows struct {
	s      *session
	stream unsafe.Pointer
}

func (s *session) stream(sql, format string, params []param) (*rows, error) {
	stream := s.begin(s.lib.streamQuery, sql, format, params)
	if stream == nil {
		return nil, errors.New("the engine gave no result")
	}
	r := &rows{s, stream}
	if text := s.lib.resultError(stream); text != "" {
		s.lib.destroyResult(stream)
		return nil, newException(text)
	}
	return r, nil
}

// next returns the next chunk, and none at the end.
func (r *rows) next() ([]byte, summary, error) {
	return r.s.lib.take(r.s.lib.streamFetch(r.s.conn(), r.stream))
}

func (r *rows) close(finished bool) {
	if !finished {
		r.s.lib.streamCancel(r.s.conn(), r.stream)
	}
	r.s.lib.destroyResult(r.stream)
}

// insert is an open INSERT that takes bytes in its format.
type insert struct {
	lib    *library
	stream unsafe.Pointer
}

func (s *session) insert(sql, format string, params []param) (*insert, error) {
	in := &insert{s.lib, s.begin(s.lib.streamInsert, sql, format, params)}
	if err := in.err(); err != nil {
		s.lib.destroyInsertStream(in.stream)
		return nil, err
	}
	return in, nil
}

func (in *insert) err() error {
	if text := in.lib.streamInsertError(in.stream); text != "" {
		return newException(text)
	}
	return nil
}

// Write hands data over; the engine copies it and holds the caller back when it
// is busy.
func (in *insert) Write(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	if in.lib.streamAppend(in.stream, unsafe.Pointer(&data[0]), uintptr(len(data))) != 0 {
		if err := in.err(); err != nil {
			return 0, err
		}
		return 0, errors.New("the engine took no more data")
	}
	return len(data), nil
}

// commit ends the data. What it acknowledges is stored.
func (in *insert) commit() (summary, error) {
	defer in.lib.destroyInsertStream(in.stream)
	_, sum, err := in.lib.take(in.lib.streamDone(in.stream))
	return sum, err
}

// abort drops the insert.
func (in *insert) abort() {
	in.lib.streamCancelInsert(in.stream)
	in.lib.destroyInsertStream(in.stream)
}

// quote makes a string literal.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
