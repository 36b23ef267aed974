package engine

import (
	"strings"
	"testing"
)

func TestReadStatement(t *testing.T) {
	for text, want := range map[string]statement{
		"SELECT 1": {rows: true},
		" -- c\n/* ; */ select 1 format  JSON ; ":                                           {rows: true, format: "JSON"},
		"SELECT 'FORMAT X', `FORMAT`, $$ FORMAT Y; $$, $a$ ' $a$ FORMAT CSV SETTINGS a = 1": {rows: true, format: "CSV"},
		"SELECT format('{}', 1), (SELECT 1 FORMAT) FORMAT Native":                           {rows: true, format: "Native"},
		"((SELECT 1)) UNION ALL SELECT 2 FORMAT TSV":                                        {rows: true, format: "TSV"},
		"WITH 1 AS x SELECT x":                                                              {rows: true},
		"WITH 1 AS x INSERT INTO t SELECT x":                                                {},
		"SELECT format FROM t":                                                              {rows: true},
		"SELECT format FROM t FORMAT TSV SETTINGS a = 1;":                                   {rows: true, format: "TSV"},
		"DESCRIBE TABLE t FORMAT CSV":                                                       {format: "CSV"},
		"CREATE TABLE t (a Int8) ENGINE = Memory":                                           {},
		"INSERT INTO t (a, values) VALUES|(1)":                                              {sql: "INSERT INTO t (a, values) ", format: "Values", insert: true},
		"insert into table `d`.`values` format CSV\n|1,2":                                   {sql: "insert into table `d`.`values` ", format: "CSV", insert: true},
		"INSERT INTO format FORMAT Native \t\r\n|\n":                                        {sql: "INSERT INTO format ", format: "Native", insert: true},
		"INSERT INTO d.format(a) SETTINGS x = 'FORMAT' FORMAT RowBinary|":                   {sql: "INSERT INTO d.format(a) SETTINGS x = 'FORMAT' ", format: "RowBinary", insert: true},
		"INSERT INTO t SELECT 1 FORMAT Null":                                                {},
		"INSERT INTO t (a) (SELECT 1)":                                                      {},
		"INSERT INTO FUNCTION null('a Int8') VALUES|(1)":                                    {sql: "INSERT INTO FUNCTION null('a Int8') ", format: "Values", insert: true},
		"INSERT INTO t FORMAT JSONEachRow |{\"a\": ';;' }":                                  {sql: "INSERT INTO t ", format: "JSONEachRow", insert: true},
	} {
		want.data = max(strings.IndexByte(text, '|'), 0)
		text = strings.Replace(text, "|", "", 1)
		if want.sql == "" {
			want.sql = text
		}
		if got, err := readStatement(text); err != nil || got != want {
			t.Errorf("%q:\n got %+v %v\nwant %+v", text, got, err, want)
		}
	}
	for text, code := range map[string]int{
		"SELECT 1; SELECT 2": codeSyntax, "SELECT ';' ;; ": codeSyntax, "INSERT INTO t": codeSyntax, "INSERT INTO t (a)": codeSyntax, "INSERT INTO t FORMAT": codeSyntax,
		"SELECT 1 INTO OUTFILE 'x'": codeAccessDenied, "SELECT 1 INTO\u00a0OUTFILE 'x'": codeAccessDenied, "SELECT 1 into/**/outfile'x'": codeAccessDenied,
		"INSERT INTO t FROM INFILE 'x' FORMAT CSV": codeAccessDenied, "INSERT INTO t SELECT 1; SELECT 2": codeSyntax,
		"SELECT $a$ x $b$ INTO OUTFILE 'x'": codeAccessDenied, "SELECT '\\'' INTO OUTFILE '\\''": codeAccessDenied,
	} {
		if _, err := readStatement(text); err == nil || asException(err).code != code {
			t.Errorf("%q: %v, want code %d", text, err, code)
		}
	}
}

func TestKillByID(t *testing.T) {
	const id = "substring(Settings['log_comment'], 1, length(Settings['log_comment']) - 27)"
	for text, want := range map[string]string{
		"KILL QUERY WHERE query_id = 'query_id' SYNC":           "KILL QUERY WHERE " + id + " = 'query_id' SYNC",
		"kill query where `query_id` in ('a') and query != 'b'": "kill query where " + id + " in ('a') and query != 'b'",
		"KILL MUTATION WHERE table = 't'":                       "KILL MUTATION WHERE table = 't'",
	} {
		if st, err := readStatement(text); err != nil || st.sql != want {
			t.Errorf("%s: %q, %v", text, st.sql, err)
		}
	}
}

func TestWithoutFormat(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1 FORMAT Native":                              "SELECT 1 \n",
		"SELECT format FROM t FORMAT Native SETTINGS a = 1 ;": "SELECT format FROM t  SETTINGS a = 1 \n",
		"(SELECT 'FORMAT x;') -- FORMAT y":                    "(SELECT 'FORMAT x;') -- FORMAT y\n",
	} {
		if got := withoutFormat(text); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestReadsOnly(t *testing.T) {
	for text, want := range map[string][2]bool{ // readonly = 1, readonly = 2
		"SELECT 1": {true, true}, "((SELECT Settings['a'] FROM t))": {true, true}, "WITH 1 AS x SELECT x": {true, true}, "/* INSERT */ show tables": {true, true},
		"SELECT 1 SETTINGS a = 1": {false, true}, "SET a = 1": {false, true}, "": {}, "WITH 1 AS x INSERT INTO t SELECT x": {}, "DROP TABLE t": {}, "KILL QUERY WHERE 1": {},
	} {
		if got := [2]bool{readsOnly(text, false), readsOnly(text, true)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// FuzzStatement: no text makes it panic or loop, and the parts lie inside the text.
func FuzzStatement(f *testing.F) {
	for _, text := range []string{"SELECT 1 FORMAT CSV", "INSERT INTO a.b (c) FORMAT TSV\n1", "INSERT INTO t VALUES (1)", "$a$ $a", "/* -- '", "((`", "INSERT INTO x.", "KILL QUERY WHERE query_id = '1'", "SELECT 1 FORMAT A SETTINGS b = 1;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		readsOnly(text, false)
		if bracketed := withoutFormat(text); len(bracketed) > len(text)+1 {
			t.Errorf("%q grew to %q", text, bracketed)
		}
		s, err := readStatement(text)
		if err != nil || s.sql == killByID(text) {
			return
		}
		if s.data > len(text) || !strings.HasPrefix(text, s.sql) || s.insert && s.data < len(s.sql) {
			t.Errorf("%+v", s)
		}
	})
}
