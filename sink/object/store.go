package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
)

// Store keeps objects: bytes under a key, written once, never changed. All
// methods may be called concurrently, also by several processes on one store.
// Errors that are none of the sentinels are worth trying again.
type Store interface {
	// Put stores an object if there is none at that key, else it answers
	// ErrExists and changes nothing: of many at once exactly one wins. It is
	// durable on return, and never visible in part. sum is the SHA-256 of body; a
	// store that finds another answers ErrChecksum and stores nothing. After any
	// other error the object may be stored or not: put it again, and compare when
	// it exists. A store that has lost an answer looks itself, and takes the same
	// body for stored by this call.
	//
	// meta is a copy for people and tools: names of a-z, 0-9 and _, values of
	// printable ASCII, 2 KB in all. What must not be lost belongs into the body,
	// since copying a folder or a bucket may drop it.
	Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error

	// Get returns the bytes [offset, offset+length) as far as they exist; a
	// negative length means to the end. No object: ErrNotFound.
	Get(ctx context.Context, key string, offset, length int64) ([]byte, error)

	// Head returns what is known about an object. No object: ErrNotFound.
	Head(ctx context.Context, key string) (Info, error)

	// List yields the objects whose key begins with prefix and is greater than
	// after, in ascending byte order of the keys, with Key and Size only. It ends
	// after the first error. What is put meanwhile may be missing.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
}

// Info is what a store knows about an object.
type Info struct {
	Key    string
	Size   int64
	SHA256 string            // of the body, hex; empty if the store lost it
	Meta   map[string]string // empty if the store lost it
}

// What a Store answers beside errors that are worth trying again.
var (
	ErrExists   = errors.New("object exists")
	ErrNotFound = errors.New("object not found")
	ErrChecksum = errors.New("object differs from its checksum")
	ErrKey      = errors.New("not a key")
)

// Open opens the store that a URL names: file:///folder, a plain path, or
// s3://BUCKET/PREFIX. A folder is made if it is not there, a bucket is not.
func Open(place string) (Store, error) {
	scheme, rest, isURL := strings.Cut(place, "://")
	switch {
	case !isURL:
		return openDir(place)
	case scheme == "s3":
		return openS3(place)
	case scheme != "file":
		return nil, fmt.Errorf("open object store %q: unknown scheme %q; use file:///folder, a path, or s3://BUCKET/PREFIX", place, scheme)
	case !strings.HasPrefix(rest, "/"):
		return nil, fmt.Errorf("open object store %q: a file URL has three slashes and an absolute path, such as file:///var/lib/wearstream/objects", place)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	return openDir(u.Path)
}

// checkKey refuses what some store could not keep: S3 takes 1,024 bytes, file
// systems 255 per component, and a leading dot is hidden or leads elsewhere.
func checkKey(key string) error {
	if len(key) > 1024 {
		return fmt.Errorf("%w: %q is longer than 1,024 bytes", ErrKey, key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' || len(part) > 254 || strings.ContainsAny(part, "\x00\\") {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
	}
	return nil
}
