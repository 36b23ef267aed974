package engine

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxForm limits a multipart request: its tables are held in memory.
const maxForm = 64 << 20

// external is a table that comes with the request. It becomes a temporary table of
// the request's session.
type external struct {
	name, structure, format string
	data                    []byte
}

type form struct {
	query    string
	external []external
}

// readForm reads a multipart request: the field "query", and a file per table,
// whose format and structure (or types) are parameters named after it.
func readForm(r *http.Request, params url.Values) (*form, error) {
	f := &form{query: params.Get("query")}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, unreadable(err)
	}
	left := int64(maxForm)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		data, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return nil, unreadable(err)
		}
		if left -= int64(len(data)); left < 0 {
			return nil, refuse(codeBadArguments, "BAD_ARGUMENTS", "External tables are limited to %d bytes", maxForm)
		}
		name := part.FormName()
		if part.FileName() == "" && name == "query" {
			f.query += string(data)
			continue
		}
		e := external{name: name, structure: params.Get(name + "_structure"), format: params.Get(name + "_format"), data: data}
		if types := params.Get(name + "_types"); e.structure == "" && types != "" {
			var columns []string
			for i, t := range splitArgs(types) {
				columns = append(columns, fmt.Sprintf("_%d %s", i+1, t))
			}
			e.structure = strings.Join(columns, ", ")
		}
		if e.structure == "" {
			return nil, refuse(codeBadArguments, "BAD_ARGUMENTS", "External table %q has neither %[1]s_structure nor %[1]s_types", name)
		}
		if e.format == "" {
			e.format = "TabSeparated"
		}
		f.external = append(f.external, e)
	}
}

// create makes the table in the session and fills it.
func (e external) create(s *session) error {
	if _, _, err := s.run("CREATE OR REPLACE TEMPORARY TABLE "+quoteName(e.name)+" ("+e.structure+") ENGINE = Memory", "Null"); err != nil {
		return err
	}
	in, err := s.insert("INSERT INTO "+quoteName(e.name), e.format, nil)
	if err != nil {
		return err
	}
	if _, err := in.Write(e.data); err != nil {
		in.abort()
		return err
	}
	_, err = in.commit()
	return err
}

// describesExternal says that the parameter belongs to an external table.
func (q *request) describesExternal(name string) bool {
	for _, e := range q.external {
		if rest, ok := strings.CutPrefix(name, e.name+"_"); ok && (rest == "structure" || rest == "format" || rest == "types") {
			return true
		}
	}
	return false
}
