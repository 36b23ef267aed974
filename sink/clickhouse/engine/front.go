package engine

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	chunk        = 256 << 10 // insert bytes handed over at once, and where an INSERT's data must have begun
	maxStatement = 16 << 20  // bytes of a statement without its data
	killEvery    = 100 * time.Millisecond
)

// front answers ClickHouse's HTTP interface with the engine.
type front struct {
	lib      *library
	user     [sha256.Size]byte
	password [sha256.Size]byte
	timezone string
	slots    chan struct{}
	named    *namedSessions
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", "wearstream")
	h.Set("X-ClickHouse-Timezone", f.timezone)
	params := r.URL.Query()
	switch {
	case r.URL.Path != "/" && r.URL.Path != "/ping":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
		return
	case r.URL.Path == "/ping", r.Method != http.MethodPost && !params.Has("query"):
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	a := newAnswer(w, r)
	if err := f.serve(a, r, params); err != nil {
		e := asException(err)
		if e.code == codeAuthentication {
			h.Set("WWW-Authenticate", `Basic realm="ClickHouse"`)
		}
		a.fail(e)
	}
}

func (f *front) serve(a *answer, r *http.Request, params url.Values) error {
	if err := f.authenticate(r, params); err != nil {
		return err
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-r.Context().Done():
		return refuse(codeTooMany, "TOO_MANY_SIMULTANEOUS_QUERIES", "The client left before its turn")
	}
	body, err := decode(r.Header.Get("Content-Encoding"), r.Body)
	if err != nil {
		return err
	}
	defer body.Close()
	q, err := newRequest(r, params, body)
	if err != nil {
		return err
	}
	a.w.Header().Set("X-ClickHouse-Query-Id", q.id)
	s, release, err := f.session(params)
	if err != nil {
		return err
	}
	defer release()
	restore, err := q.prepare(s, params.Get("session_id") != "")
	defer restore()
	if err != nil {
		return err
	}
	defer f.killOnLeave(r.Context(), q.mark)()
	if err := q.run(s, a); err != nil {
		return err
	}
	return a.finish()
}

// authenticate checks user and password in constant time, wherever the client put
// them.
func (f *front) authenticate(r *http.Request, params url.Values) error {
	user, password, ok := r.BasicAuth()
	if h := r.Header.Get("X-ClickHouse-User"); h != "" {
		user, password, ok = h, r.Header.Get("X-ClickHouse-Key"), true
	} else if !ok {
		user, password = params.Get("user"), params.Get("password")
	}
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(u[:], f.user[:])&subtle.ConstantTimeCompare(p[:], f.password[:]) == 1 {
		return nil
	}
	e := refuse(codeAuthentication, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect, or there is no user with such name")
	if user == "" && password == "" {
		e.http = http.StatusUnauthorized
	}
	return e
}

// killOnLeave kills the statement with the mark when its client leaves, again and
// again until the returned function is called: the first kill may come before the
// statement has begun.
func (f *front) killOnLeave(ctx context.Context, mark string) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		s, err := f.lib.open(f.named.args)
		if err != nil {
			return
		}
		defer s.close()
		for {
			_, _, _ = s.run("KILL QUERY WHERE Settings['log_comment'] = "+quote(mark)+" ASYNC", "Null")
			select {
			case <-done:
				return
			case <-time.After(killEvery):
			}
		}
	})
	return func() {
		close(done)
		if !stop() {
			<-ended
		}
	}
}

// request is one statement with what the URL says about it.
type request struct {
	id       string // as the client sees it
	mark     string // as the engine sees it, in log_comment: ids are the client's and need not be unique
	database string
	format   string // where the statement names none
	revision int    // of Native blocks
	settings []param
	bound    []param
	external []external
	body     *bufio.Reader
	readonly string // the setting, where it is not 0
	guard    bool   // it is for the front to see to, and not for the engine
}

// reserved are the parameters of the URL that are not settings.
var reserved = map[string]bool{
	"query": true, "database": true, "user": true, "password": true, "default_format": true, "query_id": true, "quota_key": true,
	"session_id": true, "session_timeout": true, "session_check": true, "close_session": true, "compress": true, "decompress": true,
	"client_protocol_version": true, "wait_end_of_query": true, "buffer_size": true, "stacktrace": true, "role": true, "log_comment": true,
}

func newRequest(r *http.Request, params url.Values, body io.Reader) (*request, error) {
	var tables []external
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		var err error
		if tables, err = readForm(r, params); err != nil {
			return nil, err
		}
		body = strings.NewReader("")
	}
	q := &request{id: params.Get("query_id"), database: params.Get("database"), format: params.Get("default_format"), external: tables}
	if q.id == "" {
		q.id = rand.Text()
	}
	q.mark = q.id + "/" + rand.Text() // see killByID
	if q.database == "" {
		q.database = r.Header.Get("X-ClickHouse-Database")
	}
	if q.format == "" {
		q.format = r.Header.Get("X-ClickHouse-Format")
	}
	q.revision, _ = strconv.Atoi(params.Get("client_protocol_version"))
	if r.Method != http.MethodPost {
		q.readonly = "2" // a GET changes nothing
	}
	if params.Get("decompress") == "1" {
		body = newFrames(body)
	}
	if sql := params.Get("query"); sql != "" {
		// A statement in the URL goes on in the body, after a line break.
		body = io.MultiReader(strings.NewReader(sql+"\n"), body)
	}
	q.body = bufio.NewReaderSize(&sticky{r: body}, chunk)
	for name, values := range params {
		value := values[len(values)-1]
		if bound, ok := strings.CutPrefix(name, "param_"); ok {
			q.bound = append(q.bound, param{bound, value})
		} else if name == "readonly" {
			if value != "0" {
				q.readonly = value
			}
		} else if !reserved[name] && !q.describesExternal(name) {
			q.settings = append(q.settings, param{name, value})
		}
	}
	return q, nil
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// prepare gives the session the request's database and settings. Of a session that
// goes on, the returned function takes them away again.
func (q *request) prepare(s *session, goesOn bool) (restore func(), err error) {
	restore = func() {}
	var set []string
	for _, p := range q.settings {
		if !settingName.MatchString(p.name) {
			return restore, refuse(115, "UNKNOWN_SETTING", "Unknown setting %q", p.name)
		}
		set = append(set, p.name+" = "+quote(p.value))
	}
	set = append(set, "log_comment = "+quote(q.mark))
	if goesOn {
		if restore, err = q.remember(s); err != nil {
			return restore, err
		}
		q.guard = true // the engine would not take it back after the request
	} else if q.readonly != "" {
		set = append(set, "readonly = "+quote(q.readonly))
	}
	if q.database != "" {
		if _, _, err := s.run("USE "+quoteName(q.database), "Null"); err != nil {
			return restore, err
		}
	}
	for _, e := range q.external {
		if err := e.create(s); err != nil {
			return restore, err
		}
	}
	_, _, err = s.run("SET "+strings.Join(set, ", "), "Null")
	if goesOn && len(q.settings) == 0 && err != nil && asException(err).code == errReadonly.code {
		err = nil // its client made the session readonly: this statement cannot be marked, and so not be killed
	}
	return restore, err
}

func (q *request) run(s *session, a *answer) error {
	// The error, if any, comes again when the rest is read (sticky).
	head, _ := q.body.Peek(chunk)
	st, err := readStatement(string(head))
	if err != nil && len(head) < chunk {
		return err
	}
	if st.insert {
		if q.guard && q.readonly != "" {
			return errReadonly
		}
		_, _ = q.body.Discard(st.data)
		return q.insert(s, a, st)
	}
	text, err := io.ReadAll(io.LimitReader(q.body, maxStatement+1))
	if err != nil {
		return unreadable(err)
	}
	if len(text) > maxStatement {
		return refuse(codeSyntax, "SYNTAX_ERROR", "The statement is longer than %d bytes", maxStatement)
	}
	if len(head) == chunk { // longer than what was looked at
		if st, err = readStatement(string(text)); err != nil {
			return err
		}
	}
	if q.guard && q.readonly != "" && !readsOnly(string(text), q.readonly == "2") {
		return errReadonly
	}
	if st.format == "" {
		st.format = q.format
	}
	if st.format == "" {
		st.format = "TabSeparated"
	}
	setContentType(a.w.Header(), st.format)
	if st.rows && (byBlocks[st.format] || heads[st.format] != nil) {
		return q.stream(s, a, st)
	}
	out, sum, err := s.run(st.sql, st.format, q.bound...)
	if err != nil {
		return err
	}
	sum.header(a)
	return q.write(a, st.format, &out)
}

// insert streams the body into the engine. Whatever breaks before the end of the
// body aborts the insert: what was not read to its end is not committed.
func (q *request) insert(s *session, a *answer, st statement) error {
	in, err := s.insert(st.sql, st.format, q.bound)
	if err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for {
		n, err := fill(q.body, buf)
		if _, werr := in.Write(buf[:n]); werr != nil {
			in.abort()
			return werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			in.abort()
			return unreadable(err)
		}
	}
	// A crash before this returns: the client has no answer and sends again, with
	// the same insert_deduplication_token. After it: the rows are on disk.
	sum, err := in.commit()
	if err != nil {
		return err
	}
	sum.header(a)
	return nil
}

// byBlocks are the formats whose output is the concatenation of its blocks. Others,
// but for heads, are made whole before they are sent.
var byBlocks = map[string]bool{
	"Native": true, "RowBinary": true, "TSV": true, "TabSeparated": true, "TSVRaw": true, "TabSeparatedRaw": true,
	"CSV": true, "TSKV": true, "JSONEachRow": true, "JSONLines": true, "NDJSON": true, "JSONCompactEachRow": true, "JSONStringsEachRow": true,
}

func (q *request) stream(s *session, a *answer, st statement) error {
	sent, err := q.streamBlocks(s, a, st)
	if err == nil && sent == 0 && (st.format == "Native" || heads[st.format] != nil) {
		return q.writeHead(s, a, st)
	}
	return err
}

func (q *request) streamBlocks(s *session, a *answer, st statement) (sent int, err error) {
	rows, err := s.stream(st.sql, st.format, q.bound)
	if err != nil {
		return 0, err
	}
	finished := false
	defer func() { rows.close(finished) }()
	var head, pending []byte
	for {
		out, _, err := rows.next()
		if err != nil {
			return sent, err
		}
		if len(out) == 0 {
			finished = true
			if len(pending) > 0 {
				return sent, errShort
			}
			return sent, nil
		}
		if measure := heads[st.format]; measure != nil && sent == 0 {
			head = out[:measure(out)]
		} else if measure != nil {
			out = withoutHead(out, head)
		}
		sent += len(out)
		pending = append(pending, out...)
		if err := q.writeBlocks(a, st.format, &pending); err != nil {
			return sent, err
		}
	}
}

// write sends the whole output of a statement.
func (q *request) write(a *answer, format string, out *[]byte) error {
	if err := q.writeBlocks(a, format, out); err != nil {
		return err
	}
	if len(*out) > 0 {
		return errShort
	}
	return nil
}

// writeBlocks sends output, of Native only whole blocks, and leaves the rest.
func (q *request) writeBlocks(a *answer, format string, out *[]byte) error {
	blocks := *out
	if format == "Native" && q.revision > 0 {
		var err error
		if blocks, *out, err = reframe(nil, *out, q.revision); err != nil {
			return err
		}
	} else {
		*out = nil
	}
	if _, err := a.Write(blocks); err != nil {
		return errors.Join(errors.New("send output"), err)
	}
	return nil
}

func (s summary) header(a *answer) {
	a.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","result_rows":"%d"}`,
		s.readRows, s.readBytes, s.writtenRows, s.writtenBytes, max(s.readRows, s.writtenRows)))
}

// quoteName makes a quoted identifier.
func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
