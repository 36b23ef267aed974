package object

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// tempDir holds what is being written. It is on the file system of the objects,
// since a link cannot leave it, and hidden, so that nobody reads it.
const tempDir = ".tmp"

// dir keeps each object as a plain file, so that everything that reads folders
// reads the objects. What Head answers beside the size is an extended attribute
// of the file; where the file system keeps none it is lost.
type dir struct {
	root *os.Root // no key and no symbolic link leads out of it

	mu      sync.Mutex
	durable map[string]bool // folders whose entry in their parent was synced by this process

	at func(step string) error // asked before each durable step, so that tests can stop or fail there
}

func openDir(name string) (Store, error) {
	if err := os.MkdirAll(name, 0o750); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	if err := root.MkdirAll(tempDir, 0o750); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	d := &dir{root: root, durable: map[string]bool{".": true}, at: func(string) error { return nil }}
	return d, d.sweep()
}

// sweep removes what processes that were killed left behind. A day is longer
// than any put.
func (d *dir) sweep() error {
	left, err := d.readDir(tempDir)
	if err != nil {
		return fmt.Errorf("open object store: %w", err)
	}
	for _, e := range left {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			d.root.Remove(path.Join(tempDir, e.Name()))
		}
	}
	return nil
}

// attributes is what Head answers beside the size, as JSON in one attribute.
type attributes struct {
	SHA256 string            `json:"sha256"`
	Meta   map[string]string `json:"meta,omitempty"`
}

func (d *dir) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if sha256.Sum256(body) != sum {
		return fmt.Errorf("put object %q: %w", key, ErrChecksum)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := d.put(key, body, attributes{hex.EncodeToString(sum[:]), meta})
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("put object %q: %w", key, err)
	}
	return nil
}

func (d *dir) put(key string, body []byte, attrs attributes) error {
	temp, err := d.writeTemp(body, attrs)
	if err != nil {
		return err
	}
	defer d.root.Remove(temp) // a crash before leaves a file that sweep removes
	parent := path.Dir(key)
	if err := d.mkdir(parent); err != nil {
		return err
	}

	// A crash before the link leaves nothing at the key, one after it the whole
	// object: content and attributes were synced. The link is also what decides
	// between writers, in this process and others: it fails where a name exists.
	if err := d.at("link"); err != nil {
		return err
	}
	if err := d.root.Link(temp, key); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			d.forget() // somebody removed the folder; the next attempt makes it again
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// The winner may not have got to its sync. The caller takes ErrExists for
		// stored, so it has to be so.
		return errors.Join(err, d.sync(parent))
	}
	// A crash here: the object is there, and after a power loss perhaps not. Nobody
	// was told that it is.
	if err := d.at("sync folder"); err != nil {
		return err
	}
	return d.sync(parent)
}

// writeTemp writes and syncs a hidden file. A crash in it leaves a part that no
// key names.
func (d *dir) writeTemp(body []byte, attrs attributes) (_ string, err error) {
	if err := d.at("create"); err != nil {
		return "", err
	}
	name := path.Join(tempDir, fmt.Sprintf("%d-%016x", os.Getpid(), rand.Uint64()))
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			d.root.Remove(name)
		}
	}()
	if err := d.at("write"); err != nil {
		return "", err
	}
	if _, err := f.Write(body); err != nil {
		return "", err
	}
	value, err := json.Marshal(attrs)
	if err != nil {
		return "", err
	}
	if err := setAttribute(f, value); err != nil {
		return "", err
	}
	if err := d.at("sync file"); err != nil {
		return "", err
	}
	return name, f.Sync()
}

// mkdir makes a folder and its parents, durably: also one that is there already
// may have been made a moment ago by a process that has not synced it yet.
func (d *dir) mkdir(name string) error {
	d.mu.Lock()
	known := d.durable[name]
	d.mu.Unlock()
	if known {
		return nil
	}
	parent := path.Dir(name)
	if err := d.mkdir(parent); err != nil {
		return err
	}
	if err := d.at("make folder"); err != nil { // a crash here leaves folders without objects: no harm
		return err
	}
	if err := d.root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		if errors.Is(err, fs.ErrNotExist) {
			d.forget()
		}
		return err
	}
	if err := d.sync(parent); err != nil {
		return err
	}
	d.mu.Lock()
	d.durable[name] = true
	d.mu.Unlock()
	return nil
}

func (d *dir) forget() {
	d.mu.Lock()
	d.durable = map[string]bool{".": true}
	d.mu.Unlock()
}

func (d *dir) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// open opens an object and says whether it is one: a folder or a link is not.
func (d *dir) open(key string) (*os.File, fs.FileInfo, error) {
	if err := checkKey(key); err != nil {
		return nil, nil, err
	}
	f, err := d.root.Open(key)
	if err != nil {
		if notThere(err) {
			err = ErrNotFound
		}
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func (d *dir) Get(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	f, info, err := d.open(key)
	if err != nil {
		return nil, fmt.Errorf("get object %q: %w", key, err)
	}
	defer f.Close()
	rest := max(info.Size()-offset, 0)
	if length < 0 || length > rest {
		length = rest
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, length), body); err != nil {
		return nil, fmt.Errorf("get object %q: %w", key, err)
	}
	return body, ctx.Err()
}

func (d *dir) Head(ctx context.Context, key string) (Info, error) {
	f, info, err := d.open(key)
	if err != nil {
		return Info{}, fmt.Errorf("head object %q: %w", key, err)
	}
	defer f.Close()
	value, err := getAttribute(f)
	if err != nil {
		return Info{}, fmt.Errorf("head object %q: %w", key, err)
	}
	var attrs attributes
	if json.Unmarshal(value, &attrs) != nil {
		attrs = attributes{} // lost, or somebody else's
	}
	return Info{Key: key, Size: info.Size(), SHA256: attrs.SHA256, Meta: attrs.Meta}, ctx.Err()
}

func (d *dir) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		d.list(ctx, "", prefix, after, yield)
	}
}

// list yields the objects below a folder ("" or ending in a slash) and reports
// whether to go on. Folders sort by their name with the slash, as keys do.
func (d *dir) list(ctx context.Context, folder, prefix, after string, yield func(Info, error) bool) bool {
	entries, err := d.readDir(path.Join(".", folder))
	if notThere(err) {
		return true // removed meanwhile
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		yield(Info{}, fmt.Errorf("list objects %q: %w", folder, err))
		return false
	}
	byKey := make(map[string]fs.DirEntry, len(entries))
	for _, e := range entries {
		key := folder + e.Name()
		if e.IsDir() {
			key += "/"
		}
		byKey[key] = e
	}
	keys := make([]string, 0, len(entries))
	for key, e := range byKey {
		if e.Name()[0] != '.' && (e.IsDir() || e.Type().IsRegular()) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		e := byKey[key]
		if e.IsDir() {
			match := strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)
			past := after == "" || key > after || strings.HasPrefix(after, key)
			if match && past && !d.list(ctx, key, prefix, after, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		info, err := e.Info()
		if notThere(err) {
			continue // removed meanwhile
		}
		if err != nil {
			yield(Info{}, fmt.Errorf("list objects %q: %w", folder, err))
			return false
		}
		if !yield(Info{Key: key, Size: info.Size()}, nil) {
			return false
		}
	}
	return true
}

func (d *dir) readDir(name string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}
