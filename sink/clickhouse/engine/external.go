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

// readForm reads a multipart request: tables, whose format and structure (or types)
// are parameters named after them, and fields, which are parameters like those of
// the URL and join them. The query may stand in both: it is put together. A table is
// a file, or what the URL describes as a table.
func readForm(r *http.Request, params url.Values) (tables []external, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, unreadable(err)
	}
	left := int64(maxForm)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
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
		switch name := part.FormName(); {
		case part.FileName() != "" || params.Has(name+"_structure") || params.Has(name+"_types"):
			tables = append(tables, external{name: name, data: data})
		case name == "query":
			params.Set(name, params.Get(name)+string(data))
		default:
			params.Add(name, string(data))
		}
	}
	for i := range tables {
		if err := tables[i].describe(params); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func (e *external) describe(params url.Values) error {
	e.structure, e.format = params.Get(e.name+"_structure"), params.Get(e.name+"_format")
	if types := params.Get(e.name + "_types"); e.structure == "" && types != "" {
		var columns []string
		for i, t := range splitArgs(types) {
			columns = append(columns, fmt.Sprintf("_%d %s", i+1, t))
		}
		e.structure = strings.Join(columns, ", ")
	}
	if e.structure == "" {
		return refuse(codeBadArguments, "BAD_ARGUMENTS", "External table %q has neither %[1]s_structure nor %[1]s_types", e.name)
	}
	if e.format == "" {
		e.format = "TabSeparated"
	}
	return nil
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
