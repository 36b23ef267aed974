package engine

import "strings"

// statement is what must be known of a statement before the engine gets it: in
// which format it answers, and for an INSERT where the statement ends and the
// data begin. It is found by reading tokens, not by parsing SQL.
type statement struct {
	sql    string // for the engine; of an INSERT with data, without FORMAT or VALUES
	format string // the one that the statement names, or ""
	rows   bool   // a SELECT: output can be had while it runs
	insert bool   // takes data
	data   int    // insert: where the data begin in the text that was read
}

// readStatement reads the statement at the beginning of text.
func readStatement(text string) (statement, error) {
	sc := scanner{text: text}
	t := sc.next()
	for t.is("(") {
		t = sc.next()
	}
	sc.depth = 0
	if t.is("INSERT") {
		return readInsert(&sc)
	}
	s := statement{sql: text, rows: t.is("SELECT") || t.is("WITH") || t.is("FROM")}
	if t.is("KILL") {
		s.sql = killByID(text)
	}
	for ; t.text != ""; t = sc.next() {
		switch {
		case t.is("FORMAT") && t.depth <= 0:
			if name, ok := sc.formatName(); ok {
				s.format = name
			}
		case t.is("INSERT") && t.depth <= 0:
			s.rows = false // WITH ... INSERT
		}
		if err := sc.refuse(t); err != nil {
			return s, err
		}
	}
	return s, nil
}

// readsOnly says that a statement changes nothing, and no setting either unless that
// is allowed.
func readsOnly(text string, settings bool) bool {
	sc := scanner{text: text}
	t := sc.next()
	for t.is("(") {
		t = sc.next()
	}
	switch strings.ToUpper(t.text) {
	case "SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "USE":
	case "SET":
		return settings
	default:
		return false
	}
	for ; t.text != ""; t = sc.next() {
		switch {
		case t.is("INSERT"):
			return false
		case t.is("SETTINGS") && sc.peek().word && !settings:
			return false
		}
	}
	return true
}

// formatName is the name after the word FORMAT, if that is the clause: a column may
// have the same name.
func (sc *scanner) formatName() (string, bool) {
	ahead := *sc
	name, after := ahead.next(), ahead.next()
	return name.text, name.word && (after.text == "" || after.is(";") || after.is("SETTINGS"))
}

// killByID makes a KILL QUERY find statements by the ids that clients gave them.
// The engine gives statements ids of its own and has the client's in the mark, in
// front of a slash and 26 letters.
func killByID(text string) string {
	const id = "substring(Settings['log_comment'], 1, length(Settings['log_comment']) - 27)"
	var b strings.Builder
	copied, sc := 0, scanner{text: text}
	for t := sc.next(); t.text != ""; t = sc.next() {
		if strings.Trim(t.text, "`\"") == "query_id" {
			b.WriteString(text[copied:t.start] + id)
			copied = sc.at
		}
	}
	return b.String() + text[copied:]
}

// withoutFormat is a SELECT as it can stand in brackets.
func withoutFormat(text string) string {
	var b strings.Builder
	copied, sc := 0, scanner{text: text}
	for t := sc.next(); t.text != ""; t = sc.next() {
		_, format := sc.formatName()
		if format = format && t.is("FORMAT"); t.depth == 0 && (format || t.is(";")) {
			b.WriteString(text[copied:t.start])
			if format {
				sc.next()
			}
			copied = sc.at
		}
	}
	return b.String() + text[copied:] + "\n" // what is left may end in a comment
}

// readInsert reads on after the word INSERT.
func readInsert(sc *scanner) (statement, error) {
	whole := statement{sql: sc.text}
	t := sc.next()
	for t.is("INTO") || t.is("TABLE") || t.is("FUNCTION") {
		t = sc.next()
	}
	for sc.peek().is(".") { // database.table
		sc.next()
		sc.next()
	}
	source := false // it brings its own
	for t = sc.next(); t.text != ""; t = sc.next() {
		if err := sc.refuse(t); err != nil {
			return whole, err
		}
		switch {
		case t.is("SELECT"), t.is("WITH") && t.depth == 0, t.is("WATCH") && t.depth == 0:
			source = true
		case source || t.depth > 0:
		case t.is("VALUES"):
			return statement{sql: sc.text[:t.start], format: "Values", insert: true, data: sc.at}, nil
		case t.is("FORMAT"):
			name := sc.next()
			if !name.word {
				return whole, refuse(codeSyntax, "SYNTAX_ERROR", "FORMAT without a name")
			}
			return statement{sql: sc.text[:t.start], format: name.text, insert: true, data: dataStart(sc.text, sc.at)}, nil
		}
	}
	if !source {
		return whole, refuse(codeSyntax, "SYNTAX_ERROR", "INSERT without FORMAT, VALUES or SELECT")
	}
	return whole, nil
}

// refuse says what a statement may not hold at t: a second statement, or a file of
// the machine, which no grant of the engine forbids.
func (sc *scanner) refuse(t token) error {
	switch {
	case t.is(";") && sc.peek().text != "":
		return refuse(codeSyntax, "SYNTAX_ERROR", "Multi-statements are not allowed")
	case t.is("OUTFILE"), t.is("INFILE"):
		return refuse(codeAccessDenied, "ACCESS_DENIED", "INTO OUTFILE and FROM INFILE are not allowed")
	}
	return nil
}

// dataStart passes the blanks and the one line break between FORMAT and the data.
func dataStart(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\f') {
		at++
	}
	if at < len(text) && text[at] == '\r' {
		at++
	}
	if at < len(text) && text[at] == '\n' {
		at++
	}
	return at
}

// token is a word, a quoted thing or one character. The empty token is the end.
type token struct {
	text  string
	start int
	depth int // brackets around it
	word  bool
}

// is compares without regard to case, as keywords are.
func (t token) is(s string) bool { return strings.EqualFold(t.text, s) }

type scanner struct {
	text  string
	at    int
	depth int
}

func (sc *scanner) peek() token {
	ahead := *sc
	return ahead.next()
}

func (sc *scanner) next() token {
	sc.skipBlank()
	if sc.at >= len(sc.text) {
		return token{start: sc.at, depth: sc.depth}
	}
	start, c := sc.at, sc.text[sc.at]
	switch {
	case c == '\'' || c == '"' || c == '`':
		sc.at = quotedEnd(sc.text, sc.at)
	case c == '$':
		sc.at = heredocEnd(sc.text, sc.at)
	case wordByte(c):
		for sc.at < len(sc.text) && wordByte(sc.text[sc.at]) {
			sc.at++
		}
		return token{sc.text[start:sc.at], start, sc.depth, true}
	default:
		sc.at++
		switch c {
		case '(', '[', '{':
			sc.depth++
		case ')', ']', '}':
			sc.depth--
		}
	}
	return token{sc.text[start:sc.at], start, sc.depth, false}
}

// skipBlank passes white space and comments: -- and # to the end of the line, and
// /* */.
func (sc *scanner) skipBlank() {
	for sc.at < len(sc.text) {
		rest := sc.text[sc.at:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			sc.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			sc.at += upTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			sc.at += 2 + upTo(rest[2:], "*/")
		default:
			return
		}
	}
}

// upTo is the length of s up to and with the end mark.
func upTo(s, mark string) int {
	if i := strings.Index(s, mark); i >= 0 {
		return i + len(mark)
	}
	return len(s)
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// quotedEnd is where the quoted thing at i ends. A backslash or a doubled quote
// does not end it.
func quotedEnd(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// heredocEnd is where $tag$ ... $tag$ at i ends; a lone dollar is one character.
func heredocEnd(s string, i int) int {
	j := i + 1
	for j < len(s) && wordByte(s[j]) {
		j++
	}
	if j >= len(s) || s[j] != '$' {
		return i + 1
	}
	tag := s[i : j+1]
	if k := strings.Index(s[j+1:], tag); k >= 0 {
		return j + 1 + k + len(tag)
	}
	return i + 1
}
