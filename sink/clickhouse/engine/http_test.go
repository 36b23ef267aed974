package engine_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

// curl is a request as people and other tools make them.
type curl struct {
	t      *testing.T
	addr   string
	user   *url.Userinfo
	db     string
	method string // POST unless said
	header http.Header
}

func newCurl(t *testing.T) curl {
	u, err := url.Parse(enginetest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	return curl{t: t, addr: u.Host, user: u.User, db: strings.TrimPrefix(u.Path, "/"), method: http.MethodPost}
}

// do sends params ("a=1&b=2") and body, and returns status, exception code and body.
func (c curl) do(params string, body io.Reader) (int, string, string) {
	c.t.Helper()
	req, err := http.NewRequest(c.method, "http://"+c.addr+"/?database="+c.db+"&"+params, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth(c.account())
	for k, v := range c.header {
		req.Header[k] = v
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		text = append(text, " CUT OFF"...)
	}
	return resp.StatusCode, resp.Header.Get("X-ClickHouse-Exception-Code"), string(text)
}

// account is the user and the password.
func (c curl) account() (user, password string) {
	password, _ = c.user.Password()
	return c.user.Username(), password
}

func (c curl) query(sql string) string {
	c.t.Helper()
	status, _, text := c.do("", strings.NewReader(sql))
	if status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", sql, status, text)
	}
	return text
}

func TestFormatsOverHTTP(t *testing.T) {
	c := newCurl(t)
	for sql, want := range map[string]string{
		"SELECT 1, 'a\tb'":                           "1\ta\\tb\n",
		"SELECT 1 AS x, 'y' AS y FORMAT JSONEachRow": `{"x":1,"y":"y"}` + "\n",
		"SELECT 1 AS x FORMAT CSVWithNames":          "\"x\"\n1\n",
		"SELECT 1 -- FORMAT JSON":                    "1\n",
		"SELECT 'FORMAT JSON' AS format":             "FORMAT JSON\n",
		"(SELECT 2) FORMAT TSV;":                     "2\n",
	} {
		if got := c.query(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	if got := c.query("SELECT number FROM numbers(200000) FORMAT JSON"); strings.Count(got, `"meta"`) != 1 || !strings.Contains(got, `"rows": 200000`) {
		t.Errorf("JSON of several blocks: %d bytes", len(got))
	}
	if got := c.query("SELECT number FROM numbers(200000) FORMAT CSVWithNames"); strings.Count(got, "\n") != 200001 {
		t.Errorf("CSVWithNames of several blocks has %d lines", strings.Count(got, "\n"))
	}
	get := c
	get.method = http.MethodGet
	if status, _, text := get.do("query=SELECT+{a:UInt8}%2B1&param_a=41&default_format=TSV", nil); status != 200 || text != "42\n" {
		t.Errorf("GET: %d %q", status, text)
	}
	if status, code, _ := get.do("query=CREATE+TABLE+g+(a+Int8)+ENGINE%3DMemory", nil); status != 403 || code != "164" {
		t.Errorf("a GET that writes: %d, code %s", status, code)
	}
}

func TestInsertsOverHTTP(t *testing.T) {
	c := newCurl(t)
	c.query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	for i, in := range []struct{ params, body string }{
		{"query=INSERT+INTO+t+FORMAT+CSV", "1,\"x\"\n"},
		{"query=INSERT+INTO+t+FORMAT+CSV%0A1,x", "2,y\n"},
		{"query=INSERT+INTO+t+VALUES", "(3,'z'),(4,'FORMAT JSON;')"},
		{"", "INSERT INTO t (a, b) FORMAT JSONEachRow {\"a\":5,\"b\":\"INTO OUTFILE\"}\n{\"a\":6}"},
		{"", "INSERT INTO t VALUES (7, 'INTO OUTFILE ''x''; SELECT')"},
		{"", "insert into t settings async_insert=0 format TSV\n8\tq"},
		{"", "INSERT INTO t SELECT number, 'FORMAT' FROM numbers(2)"},
		{"param_v=11", "INSERT INTO t VALUES ({v:UInt64}, 'p')"},
	} {
		if status, _, text := c.do(in.params, strings.NewReader(in.body)); status != 200 {
			t.Errorf("%d: %d %s", i, status, text)
		}
	}
	if got := c.query("SELECT count(), uniqExact(a) FROM t"); got != "12\t10\n" {
		t.Errorf("rows %q", got)
	}
	if got := c.query("SELECT a FROM t WHERE b LIKE '%OUTFILE%' OR b LIKE '%JSON%' ORDER BY a"); got != "4\n5\n7\n" {
		t.Errorf("rows %q", got)
	}
}

func TestContentEncodings(t *testing.T) {
	c := newCurl(t)
	c.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	var lines strings.Builder
	for i := range 60_000 {
		fmt.Fprintln(&lines, i*7919)
	}
	for name, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"lz4":     func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) },
		"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.t = t
			c.query("TRUNCATE TABLE t")
			var packed bytes.Buffer
			w := open(&packed)
			io.WriteString(w, "INSERT INTO t FORMAT TSV\n"+lines.String())
			w.Close()
			enc := c
			enc.header = http.Header{"Content-Encoding": {name}}
			for _, cut := range []int{packed.Len() - 1, packed.Len() / 2, packed.Len()/2 + 1} {
				if status, code, _ := enc.do("", bytes.NewReader(packed.Bytes()[:cut])); status != 400 || code != "33" {
					t.Errorf("%d of %d bytes: status %d code %s", cut, packed.Len(), status, code)
				}
			}
			if got := c.query("SELECT count() FROM t"); got != "0\n" {
				t.Errorf("broken bodies inserted %s", got)
			}
			if status, _, text := enc.do("", bytes.NewReader(packed.Bytes())); status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			if got := c.query("SELECT count(), max(a) FROM t"); got != "60000\t475132081\n" {
				t.Errorf("rows %s", got)
			}
			out := c
			out.header = http.Header{"Accept-Encoding": {name}}
			if _, _, text := out.do("enable_http_compression=1", strings.NewReader("SELECT a FROM t ORDER BY a")); text == lines.String() {
				t.Errorf("the answer of %d bytes is not encoded", len(text))
			}
		})
	}
}

func TestUnknownEncodings(t *testing.T) {
	enginetest.Front(t, "which encodings are known, and how others are refused, differs from version to version")
	c := newCurl(t)
	for _, name := range []string{"compress", "gzip, br", "snappy"} {
		c.header = http.Header{"Content-Encoding": {name}}
		if status, code, _ := c.do("", strings.NewReader("SELECT 1")); status != 415 || code != "89" {
			t.Errorf("%q: status %d, code %s", name, status, code)
		}
	}
}

func TestBrokenBodiesInsertNothing(t *testing.T) {
	c := newCurl(t)
	c.query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	native := c.query("SELECT number AS a, toString(number) AS b FROM numbers(50000) FORMAT Native")
	for name, body := range map[string]string{
		"native cut":  native[:len(native)/2],
		"native junk": "\x02\x05junk",
		"csv row":     "1,x\n2,y\nthree,z\n",
	} {
		format := "Native"
		if name == "csv row" {
			format = "CSV"
		}
		if status, code, _ := c.do("query=INSERT+INTO+t+FORMAT+"+format, strings.NewReader(body)); status == 200 || code == "" {
			t.Errorf("%s: status %d, code %q", name, status, code)
		}
	}
	// A client that dies in the middle: announced more than it sent, and a chunked
	// body without its end.
	for name, head := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n", len(native)+1),
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(native)),
	} {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		user, password := c.account()
		fmt.Fprintf(conn, "POST /?database=%s&query=INSERT+INTO+t+FORMAT+Native&user=%s&password=%s HTTP/1.1\r\nHost: x\r\n%s%s",
			c.db, user, password, head, native)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		// The front may see first that the client is gone, and kill the statement.
		if a := string(answer); !strings.Contains(a, "Exception-Code: 33\r\n") && !strings.Contains(a, "Exception-Code: 394\r\n") {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if got := c.query("SELECT count() FROM t"); got != "0\n" {
		t.Errorf("broken bodies inserted %s", got)
	}
	if status, _, text := c.do("query=INSERT+INTO+t+FORMAT+Native", strings.NewReader(native)); status != 200 {
		t.Errorf("the whole body: %d %s", status, text)
	}
	if got := c.query("SELECT count() FROM t"); got != "50000\n" {
		t.Errorf("the whole body inserted %s", got)
	}
}

// Frames are numbers, so whatever comes out of a broken one parses.
func TestBrokenFramesInsertNothing(t *testing.T) {
	c := newCurl(t)
	c.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
	const frames, numbers = 60, 10_000
	var ends []int
	var whole []byte
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	for f := range frames {
		data := make([]byte, 0, 8*numbers)
		for i := range numbers {
			data = binary.LittleEndian.AppendUint64(data, uint64(f*numbers+i)*0x9e3779b97f4a7c15)
		}
		if err := w.Compress(data); err != nil {
			t.Fatal(err)
		}
		whole = append(whole, w.Data...)
		ends = append(ends, len(whole))
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	const params = "decompress=1&query=INSERT+INTO+t+FORMAT+RowBinary"
	for name, body := range map[string][]byte{
		"first corrupt": flipped(ends[0] - 1), "second corrupt": flipped(ends[1] - 1), "last corrupt": flipped(len(whole) - 1),
		"header corrupt": flipped(ends[0] + 24), "first cut": whole[:ends[0]-1], "second cut": whole[:ends[1]-1],
		"header cut": whole[:ends[1]+10], "last cut": whole[:len(whole)-1], "no frames": []byte("SELECT displayName(), version(), revision(), timezone()"),
	} {
		if status, code, text := c.do(params, bytes.NewReader(body)); status != 400 || code != "33" {
			t.Errorf("%s: status %d, code %q %s", name, status, code, text)
		}
		if got := c.query("SELECT count() FROM t"); got != "0\n" {
			t.Errorf("%s: inserted %s", name, got)
			c.query("TRUNCATE TABLE t")
		}
	}
	if status, _, text := c.do(params, bytes.NewReader(whole)); status != 200 {
		t.Errorf("the whole body: %d %s", status, text)
	}
	if got := c.query("SELECT count(), uniqExact(a) FROM t"); got != "600000\t600000\n" {
		t.Errorf("the whole body inserted %s", got)
	}
}

func TestLateErrorCutsTheAnswer(t *testing.T) {
	c := newCurl(t)
	status, _, text := c.do("", strings.NewReader("SELECT throwIf(number = 3000000), number FROM numbers(5000000)"))
	if status != 200 || !strings.Contains(text, "\r\n__exception__\r\n") || !strings.Contains(text, "Code: 395.") || !strings.HasSuffix(text, " CUT OFF") {
		t.Errorf("status %d, end %q", status, text[max(0, len(text)-300):])
	}
	status, code, text := c.do("wait_end_of_query=1", strings.NewReader("SELECT throwIf(number = 3000000), number FROM numbers(5000000)"))
	if status != 500 || code != "395" || len(text) > 1000 {
		t.Errorf("wait_end_of_query: status %d, code %s, %d bytes", status, code, len(text))
	}
}

func TestAuthentication(t *testing.T) {
	c := newCurl(t)
	user, right := c.account()
	wrong := right + "x"
	for name, try := range map[string]struct {
		user, password, how string
		status              int
	}{
		"basic": {user, right, "basic", 200}, "headers": {user, right, "headers", 200}, "params": {user, right, "params", 200},
		"wrong basic": {user, wrong, "basic", 403}, "wrong header": {user, wrong, "headers", 403}, "wrong param": {user, wrong, "params", 403},
		"other user": {"default", "", "basic", 403}, "default": {"default", right, "params", 403}, "empty": {user, "", "basic", 403}, "none": {"", "", "none", 401},
	} {
		req, _ := http.NewRequest(http.MethodPost, "http://"+c.addr+"/", strings.NewReader("SELECT 1"))
		switch try.how {
		case "basic":
			req.SetBasicAuth(try.user, try.password)
		case "headers":
			req.Header.Set("X-ClickHouse-User", try.user)
			req.Header.Set("X-ClickHouse-Key", try.password)
		case "params":
			req.URL.RawQuery = url.Values{"user": {try.user}, "password": {try.password}}.Encode()
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if code := resp.Header.Get("X-ClickHouse-Exception-Code"); resp.StatusCode != try.status || (try.status != 200) != (code == "516") {
			t.Errorf("%s: status %d, code %s", name, resp.StatusCode, code)
		}
	}
}

// TestNothingOutside: whoever may query may not read or write files, reach other
// hosts or run programs.
func TestNothingOutside(t *testing.T) {
	enginetest.Front(t, "what a server lets its users do is its administrator's to decide")
	c := newCurl(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // would see a connection
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			t.Error("the engine opened a connection")
			conn.Close()
		}
	}()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(t.TempDir(), "written")
	host := listener.Addr().String()
	for _, sql := range []string{
		"SELECT * FROM file('" + secret + "', 'LineAsString')",
		"SELECT file('" + secret + "')",
		"SELECT arrayMap(file, ['" + secret + "'])",
		"SELECT file('/proc/" + fmt.Sprint(os.Getpid()) + "/environ')",
		"SELECT * FROM `" + secret + "`",
		"SELECT * FROM default.`" + secret + "`",
		"SELECT 1 INTO OUTFILE '" + written + "'",
		"SELECT 1 INTO -- comment\n OUTFILE '" + written + "'",
		"INSERT INTO x FROM INFILE '" + secret + "' FORMAT CSV",
		"INSERT INTO FUNCTION file('" + written + "', 'CSV', 'a UInt8') VALUES (1)",
		"CREATE TABLE f (a String) ENGINE = File(CSV, '" + written + "')",
		"CREATE DATABASE fs ENGINE = Filesystem('" + filepath.Dir(secret) + "')",
		"CREATE DATABASE sq ENGINE = SQLite('" + written + "')",
		"CREATE DICTIONARY d (a UInt64, b String) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id > " + written + "' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
		"CREATE TABLE k (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '" + written + "/')",
		"SELECT * FROM executable('id', 'TSV', 'a String')",
		"SELECT * FROM url('http://" + host + "/', 'LineAsString')",
		"SELECT * FROM remote('" + host + "', 'system.one')",
		"SELECT * FROM s3('http://" + host + "/bucket/x', 'CSV', 'a String')",
		"SELECT * FROM mysql('" + host + "', 'd', 't', 'u', 'p')",
		"CREATE TABLE u (a String) ENGINE = URL('http://" + host + "/', 'CSV')",
		"BACKUP DATABASE " + c.db + " TO File('" + written + "')",
		"CREATE USER other IDENTIFIED BY 'x'",
		"GRANT FILE ON *.* TO default",
		"SYSTEM SHUTDOWN",
	} {
		status, code, text := c.do("", strings.NewReader(sql))
		if strings.HasPrefix(sql, "CREATE DATABASE fs") && status == 200 {
			status, code, text = c.do("", strings.NewReader("SELECT * FROM fs.secret"))
			c.query("DROP DATABASE fs")
		}
		if status == 200 || code == "" || strings.Contains(text, "hidden") {
			t.Errorf("%s: status %d: %.200s", sql, status, text)
		}
	}
	if _, err := os.Stat(written); err == nil {
		t.Errorf("%s was written", written)
	}
}

func TestNamedSessions(t *testing.T) {
	c := newCurl(t)
	id := "session_id=" + c.db
	must := func(params, sql, want string) {
		t.Helper()
		if status, _, text := c.do(params, strings.NewReader(sql)); status != 200 || text != want {
			t.Errorf("%s: %d %q, want %q", sql, status, text, want)
		}
	}
	must(id, "CREATE TEMPORARY TABLE tt (a Int8)", "")
	must(id, "INSERT INTO tt VALUES (5)", "")
	must(id, "SET max_block_size = 11", "")
	must(id+"&max_block_size=22&session_check=1", "SELECT a, getSetting('max_block_size') FROM tt", "5\t22\n")
	must(id, "SELECT a, getSetting('max_block_size') FROM tt", "5\t11\n")
	must(id+"&max_rows_to_read=77", "SELECT getSetting('max_rows_to_read')", "77\n")
	must(id, "SELECT getSetting('max_rows_to_read')", "0\n")
	if status, code, _ := c.do("", strings.NewReader("SELECT * FROM tt")); status != 404 || code != "60" {
		t.Errorf("a temporary table seen from outside: %d %s", status, code)
	}
	must(id+"&close_session=1", "SELECT 1", "1\n")
	if status, code, _ := c.do(id+"&session_check=1", strings.NewReader("SELECT 1")); status != 404 || code != "372" {
		t.Errorf("a closed session: %d %s", status, code)
	}
}

// A request's readonly ends with the request, also in a session that goes on.
func TestReadonlySessions(t *testing.T) {
	c := newCurl(t)
	id := "session_id=" + c.db
	get := c
	get.method = http.MethodGet
	for i, try := range []struct {
		c           curl
		params, sql string
		code        string
	}{
		{c, id, "CREATE TEMPORARY TABLE tt (a Int8)", ""},
		{c, id + "&readonly=1", "SELECT count() FROM tt", ""},
		{c, id + "&readonly=1", "INSERT INTO tt VALUES (1)", "164"},
		{c, id + "&readonly=1", "INSERT INTO tt SELECT 1", "164"},
		{c, id + "&readonly=1", "SELECT 1 SETTINGS max_threads = 1", "164"},
		{c, id + "&readonly=2", "SELECT 1 SETTINGS max_threads = 1", ""},
		{c, id + "&readonly=2", "DROP TABLE tt", "164"},
		{get, id + "&query=INSERT+INTO+tt+SELECT+1", "", "164"},
		{get, id + "&query=SELECT+count()+FROM+tt", "", ""},
		{c, id + "&readonly=0", "INSERT INTO tt VALUES (1)", ""},
		{c, id, "SET readonly = 1", ""},
		{c, id, "SELECT count() FROM tt", ""},
		{c, id, "CREATE TABLE t (a Int8) ENGINE = Memory", "164"},
		{c, id, "SET readonly = 0", "164"},
		{c, "", "SELECT 1", ""},
	} {
		if status, code, text := try.c.do(try.params, strings.NewReader(try.sql)); code != try.code || (code == "") != (status == 200) {
			t.Errorf("%d %s %s: %d %s %s", i, try.params, try.sql, status, code, text)
		}
	}
}

// Fields of a form are parameters, a file is a table.
func TestForms(t *testing.T) {
	c := newCurl(t)
	send := func(fields, files map[string]string) string {
		t.Helper()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, data := range files {
			w, err := form.CreateFormFile(name, name+".tsv")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, data)
		}
		for name, value := range fields {
			form.WriteField(name, value)
		}
		form.Close()
		c.header = http.Header{"Content-Type": {form.FormDataContentType()}}
		_, code, text := c.do("", &body)
		return code + " " + text
	}
	long := strings.Repeat("x", 200_000)
	for i, try := range []struct {
		fields, files map[string]string
		want          string
	}{
		{map[string]string{"query": "SELECT length({s:String}), getSetting('max_block_size')", "param_s": long, "max_block_size": "77"}, nil, " 200000\t77\n"},
		{map[string]string{"query": "SELECT sum(a), any(b) FROM e WHERE a > {n:UInt8}", "param_n": "1", "e_structure": "a UInt8, b String"}, map[string]string{"e": "1\tx\n2\ty\n3\ty\n"}, " 5\ty\n"},
		{map[string]string{"query": "SELECT _1 FROM e FORMAT CSV", "e_types": "String", "e_format": "CSV"}, map[string]string{"e": "\"a\"\"b\"\n"}, " \"a\"\"b\"\n"},
		{map[string]string{"query": "SELECT 1", "no_such_setting": "1"}, nil, "115"},
		{map[string]string{"query": "SELECT 1"}, map[string]string{"e": "1\n"}, "36"},
	} {
		if got := send(try.fields, try.files); got != try.want && !strings.HasPrefix(got, try.want+" Code") {
			t.Errorf("%d: %.200s", i, got)
		}
	}
}

func TestKillByQueryID(t *testing.T) {
	c := newCurl(t)
	ended := make(chan string)
	go func() {
		_, code, _ := c.do("query_id=mine/"+c.db, strings.NewReader("SELECT count() FROM system.numbers WHERE sipHash64(number) = 1"))
		ended <- code
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the engine is another process
		if got := c.query("KILL QUERY WHERE query_id = 'mine/" + c.db + "' SYNC"); got != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the statement is not found by its id")
		}
	}
	if code := <-ended; code != "394" {
		t.Errorf("the killed statement ended with code %q", code)
	}
}

// heads are the formats that begin with the names of the columns.
var heads = map[string]bool{
	"RowBinaryWithNames": true, "RowBinaryWithNamesAndTypes": true, "CSVWithNames": true, "CSVWithNamesAndTypes": true,
	"TSVWithNames": true, "TSVWithNamesAndTypes": true, "TabSeparatedWithNames": true, "TabSeparatedWithNamesAndTypes": true,
	"JSONCompactEachRowWithNames": true, "JSONCompactEachRowWithNamesAndTypes": true,
}

// What is sent while the statement runs is what it would be as a whole, and an
// endless one is sent too.
func TestHeads(t *testing.T) {
	c := newCurl(t)
	for format := range heads {
		rows := "SELECT number AS `a\"\n,`, toString(number) AS `b'\t\\\\` FROM numbers(150000)"
		streamed := c.query(rows + " FORMAT " + format)
		plain := strings.TrimSuffix(strings.TrimSuffix(format, "AndTypes"), "WithNames")
		body := c.query(rows + " FORMAT " + plain)
		if head, ok := strings.CutSuffix(streamed, body); !ok || len(head) > 100 || !strings.Contains(head, "a") {
			t.Errorf("%s: %d bytes with a head, %d without; begins %q", format, len(streamed), len(body), streamed[:60])
		}
		grouped := "SELECT number AS k, count() FROM numbers(150000) GROUP BY k WITH TOTALS ORDER BY k FORMAT "
		if a, b := c.query(grouped+format), c.query(grouped+plain); !strings.HasSuffix(a, b) {
			t.Errorf("%s: totals end %q, want %q", format, a[len(a)-30:], b[len(b)-30:])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/", strings.NewReader("SELECT number FROM system.numbers FORMAT RowBinaryWithNamesAndTypes"))
	req.SetBasicAuth(c.account())
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.CopyN(io.Discard, resp.Body, 8<<20); err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// An empty result says which columns it has.
func TestEmptyResults(t *testing.T) {
	c := newCurl(t)
	for sql, want := range map[string]string{
		"SELECT 1 AS a WHERE 0 FORMAT Native":                                    "\x01\x00\x01a\x05UInt8",
		"SELECT toLowCardinality('x') AS `b`, 2 WHERE 0 FORMAT Native -- end":    "\x02\x00\x01b\x16LowCardinality(String)\x012\x05UInt8",
		"WITH 1 AS x SELECT x WHERE x > 1 FORMAT Native SETTINGS max_threads=1;": "\x01\x00\x01x\x05UInt8",
	} {
		if got := c.query(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	for format := range heads {
		if a, b := c.query("SELECT 1 AS `a\"\n,`, 'x' AS b WHERE 0 FORMAT "+format), c.query("SHOW TABLES FORMAT "+format); a == "" || b == "" {
			t.Errorf("%s: %q and %q", format, a, b)
		}
	}
	conn := connect(t, "lz4")
	rows, err := conn.Query(t.Context(), "SELECT 1 AS a, map('k', [toLowCardinality('v')]) AS b WHERE 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got := fmt.Sprint(rows.Columns(), rows.Next(), rows.Err()); got != "[a b] false <nil>" {
		t.Error(got)
	}
	if kinds := rows.ColumnTypes(); len(kinds) != 2 || kinds[1].DatabaseTypeName() != "Map(String, Array(LowCardinality(String)))" {
		t.Errorf("types %v", kinds)
	}
}

func TestPing(t *testing.T) {
	for _, path := range []string{"/ping", "/"} {
		resp, err := http.Get("http://" + newCurl(t).addr + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(text) != "Ok.\n" {
			t.Errorf("%s: %s %q", path, resp.Status, text)
		}
	}
}
