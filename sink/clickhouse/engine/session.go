package engine

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxSessions    = 100
	sessionTimeout = time.Minute
	maxSessionLife = time.Hour
)

// namedSessions are the sessions that clients keep over several requests
// (session_id). One that is not used for its timeout ends.
type namedSessions struct {
	args []string

	mu     sync.Mutex
	byID   map[string]*namedSession
	closed bool
}

type namedSession struct {
	*session
	busy  bool
	timer *time.Timer
}

// session is the session of a request: its own, or the one that session_id names.
func (f *front) session(params url.Values) (*session, func(), error) {
	id := params.Get("session_id")
	if id == "" {
		s, err := f.lib.open(f.named.args)
		if err != nil {
			return nil, nil, err
		}
		return s, s.close, nil
	}
	timeout := sessionTimeout
	if text := params.Get("session_timeout"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > int(maxSessionLife/time.Second) {
			return nil, nil, refuse(codeBadArguments, "BAD_ARGUMENTS", "session_timeout %q is not in 0..%d", text, int(maxSessionLife/time.Second))
		}
		timeout = time.Duration(seconds) * time.Second
	}
	return f.named.take(f.lib, id, timeout, params.Get("session_check") == "1", params.Get("close_session") == "1")
}

func (n *namedSessions) take(lib *library, id string, timeout time.Duration, mustExist, end bool) (*session, func(), error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.byID[id]
	switch {
	case s != nil && s.busy:
		return nil, nil, refuse(codeSessionLocked, "SESSION_IS_LOCKED", "Session %s is locked by a concurrent client", id)
	case s == nil && mustExist:
		return nil, nil, refuse(codeNoSession, "SESSION_NOT_FOUND", "Session %s not found", id)
	case s == nil && (n.closed || len(n.byID) >= maxSessions):
		return nil, nil, refuse(codeTooMany, "TOO_MANY_SIMULTANEOUS_QUERIES", "More than %d sessions", maxSessions)
	case s == nil:
		opened, err := lib.open(n.args)
		if err != nil {
			return nil, nil, err
		}
		s = &namedSession{session: opened}
		s.timer = time.AfterFunc(maxSessionLife, func() { n.end(id, s) })
		n.byID[id] = s
	}
	s.busy = true
	return s.session, func() {
		n.mu.Lock()
		s.busy = false
		s.timer.Reset(timeout)
		ends := end || n.closed
		n.mu.Unlock()
		if ends {
			n.end(id, s)
		}
	}, nil
}

// end closes a session that nobody uses.
func (n *namedSessions) end(id string, s *namedSession) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byID[id] == s && !s.busy {
		delete(n.byID, id)
		s.timer.Stop()
		s.close()
	}
}

// close ends all of them.
func (n *namedSessions) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for id, s := range n.byID {
		if !s.busy {
			delete(n.byID, id)
			s.timer.Stop()
			s.close()
		}
	}
}

// remember returns a function that gives the session back the settings and the
// database that the request is about to change.
func (q *request) remember(s *session) (func(), error) {
	none := func() {}
	var names []string
	for _, p := range q.settings {
		names = append(names, quote(p.name))
	}
	out, _, err := s.run("SELECT currentDatabase(), groupArray((name, value, changed)) FROM system.settings WHERE name IN ("+
		strings.Join(append(names, "''"), ", ")+")", "JSONCompactEachRow")
	if err != nil {
		return none, err
	}
	var database string
	var settings []before
	if err := json.Unmarshal(out, &[]any{&database, &settings}); err != nil {
		return none, err
	}
	return func() {
		_, _, _ = s.run("USE "+quoteName(database), "Null")
		for _, b := range settings {
			value := "DEFAULT"
			if b.changed {
				value = quote(b.value)
			}
			_, _, _ = s.run("SET "+b.name+" = "+value, "Null")
		}
		for _, e := range q.external {
			_, _, _ = s.run("DROP TEMPORARY TABLE IF EXISTS "+quoteName(e.name), "Null")
		}
	}, nil
}

// before is a setting as it was.
type before struct {
	name, value string
	changed     bool
}

func (b *before) UnmarshalJSON(text []byte) error {
	var changed int
	err := json.Unmarshal(text, &[]any{&b.name, &b.value, &changed})
	b.changed = changed != 0
	return err
}
