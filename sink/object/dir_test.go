package object_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

func TestConformanceDir(t *testing.T) {
	storetest.Run(t, func(t *testing.T) string { return "file://" + t.TempDir() })
}

func TestOpen(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "with space", "new")
	for _, place := range []string{folder, "file://" + strings.ReplaceAll(folder, " ", "%20")} {
		if _, err := object.Open(place); err != nil {
			t.Errorf("%s: %v", place, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(folder)); len(entries) != 1 {
		t.Errorf("another folder was made: %v", entries)
	}
	for place, want := range map[string]string{
		"file://relative/x": "three slashes",
		"gs://bucket":       `unknown scheme "gs"`,
		"":                  "open object store",
	} {
		if _, err := object.Open(place); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", place, err)
		}
	}
}

// What others put into the folder leads nowhere else and is not taken for more
// than it is.
func TestDirLinks(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := object.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	os.Symlink(outside, filepath.Join(folder, "out"))
	os.Symlink(filepath.Join(outside, "secret"), filepath.Join(folder, "file"))
	for _, key := range []string{"out/secret", "file"} {
		if body, err := s.Get(t.Context(), key, 0, -1); err == nil {
			t.Errorf("get %q: %q", key, body)
		}
	}
	if err := s.Put(t.Context(), "out/new", nil, sumOf(nil), nil); err == nil {
		t.Error("put through a link")
	}
	for info, err := range s.List(t.Context(), "", "") {
		t.Errorf("listed %+v, %v", info, err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("written outside: %v", entries)
	}
}

// An object is a plain file with nothing beside it, and what killed processes
// left is removed after a day.
func TestDirPlainFiles(t *testing.T) {
	folder := t.TempDir()
	s, err := object.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/b.txt", []byte("body"), sumOf([]byte("body")), map[string]string{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(folder, ".tmp", "1-old"), filepath.Join(folder, ".tmp", "1-young")
	os.WriteFile(old, nil, 0o600)
	os.WriteFile(young, nil, 0o600)
	os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour))
	if _, err := object.Open(folder); err != nil {
		t.Fatal(err)
	}
	var files []string
	filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if !e.IsDir() {
			files = append(files, strings.TrimPrefix(path, folder))
		}
		return err
	})
	if want := []string{"/.tmp/1-young", "/a/b.txt"}; !slices.Equal(files, want) {
		t.Errorf("files: %q", files)
	}
	if body, _ := os.ReadFile(filepath.Join(folder, "a/b.txt")); string(body) != "body" {
		t.Errorf("file: %q", body)
	}

	// A folder that somebody removed is made again by the next attempt.
	os.RemoveAll(filepath.Join(folder, "a"))
	err = s.Put(t.Context(), "a/c", nil, sumOf(nil), nil)
	if err != nil {
		err = s.Put(t.Context(), "a/c", nil, sumOf(nil), nil)
	}
	if err != nil {
		t.Error(err)
	}
}
