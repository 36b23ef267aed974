package engine

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// exception is an error as ClickHouse words it: "Code: N. DB::Exception: ... (NAME)".
type exception struct {
	code int
	text string
	http int // status, where it is not the code's
}

func (e *exception) Error() string { return e.text }

var codePrefix = regexp.MustCompile(`^Code: (\d+)\. DB::Exception: `)

// newException takes the engine's text. Some come with the prefix twice.
func newException(text string) *exception {
	m := codePrefix.FindStringSubmatch(text)
	if m == nil {
		return &exception{code: codeStd, text: fmt.Sprintf("Code: %d. DB::Exception: %s", codeStd, text)}
	}
	code, _ := strconv.Atoi(m[1])
	if rest := text[len(m[0]):]; codePrefix.MatchString(rest) {
		text = rest
	}
	return &exception{code: code, text: text}
}

// refuse is an exception of the front's own.
func refuse(code int, name, format string, args ...any) *exception {
	return &exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

// asException gives any error the form that clients expect.
func asException(err error) *exception {
	if e, ok := errors.AsType[*exception](err); ok {
		return e
	}
	return &exception{code: codeStd, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (STD_EXCEPTION)", codeStd, err)}
}

var errReadonly = refuse(164, "READONLY", "Cannot execute query in readonly mode")

// The codes that the front itself gives.
const (
	codeCannotRead     = 33
	codeBadArguments   = 36
	codeNotImplemented = 48
	codeSyntax         = 62
	codeCompression    = 89
	codeNoSession      = 372
	codeSessionLocked  = 373
	codeAccessDenied   = 497
	codeAuthentication = 516
	codeTooMany        = 202
	codeStd            = 1001
)

// status is the HTTP status of an exception that comes before any output, as the
// server gives it.
func (e *exception) status() int {
	if e.http != 0 {
		return e.http
	}
	switch e.code {
	case codeAuthentication, codeAccessDenied, 164, 192, 193, 194, 291: // not allowed
		return http.StatusForbidden
	case 10, 16, 46, 47, 50, 56, 60, 81, 115, codeNoSession: // unknown column, function, type, table, database, setting
		return http.StatusNotFound
	case codeCannotRead, codeBadArguments, codeSyntax, 6, 25, 26, 27, 32, 38, 41, 42, 43, 53, 69, 70, 72, 117, 130, 131, 349, 456, 457: // cannot be parsed
		return http.StatusBadRequest
	case codeCompression:
		return http.StatusUnsupportedMediaType
	case codeNotImplemented:
		return http.StatusNotImplemented
	case codeSessionLocked:
		return http.StatusConflict
	case 159, 160: // too slow
		return http.StatusRequestTimeout
	case codeTooMany, 439: // no room
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
