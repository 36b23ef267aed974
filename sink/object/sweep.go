package object

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sweep removes what earlier runs made of recordings and this one did not make again:
// rows by other sets, and pairs, which may be of who was assigned otherwise. Rows that
// were read from other files stay. A crash in it leaves some; the next run's Sweep removes
// them.
func (r *Recordings) Sweep(recordings ...Source) error {
	paths := make(map[string]string, len(recordings))
	for _, s := range recordings {
		paths[escape(s.Name)] = s.Path
	}
	for _, t := range tables {
		err := filepath.WalkDir(filepath.Join(r.dir, filepath.FromSlash(t.root())), func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && !r.made[name] && maybeOf(e.Name(), paths) {
				err = removeOf(name, paths)
			}
			if errors.Is(err, fs.ErrNotExist) { // another run may remove its own
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("remove earlier rows: %w", err)
		}
	}
	return nil
}

// removeOf removes a file of rows of one of the recordings.
func removeOf(name string, paths map[string]string) error {
	body, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	meta, err := decode(body)
	if err != nil || !isOf(meta, paths) {
		return nil // what cannot be read is not known to be of these
	}
	return os.Remove(name)
}

// maybeOf reports whether a file's name may be that of rows of one of the recordings,
// whose names may hold dots.
func maybeOf(file string, paths map[string]string) bool {
	for one := range strings.SplitSeq(strings.TrimSuffix(file, extension), between) {
		for i := range len(one) + 1 {
			if _, known := paths[one[:i]]; known && (i == len(one) || one[i] == '.') {
				return true
			}
		}
	}
	return false
}

// isOf reports whether rows are of one of the recordings.
func isOf(meta Meta, paths map[string]string) bool {
	for name := range strings.SplitSeq(string(meta.Log), between) {
		if path, known := paths[name]; known && strings.Contains(", "+meta.Topic+", ", ", "+path+", ") {
			return true
		}
	}
	return false
}
