package engine

import "errors"

type exception struct{ text string }

func (e *exception) Error() string { return e.text }
func newException(t string) error  { return &exception{t} }

var _ = errors.New
