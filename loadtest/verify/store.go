package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// store is where the objects are; paths have slashes.
type store interface {
	// list returns the objects below a folder in the order of their paths, which
	// are given from there.
	list(ctx context.Context, folder string) ([]string, error)
	// open gives the bytes of an object and their number.
	open(ctx context.Context, path string) (r io.ReaderAt, size int64, done func(), err error)
}

// openStore reads a folder, or s3://BUCKET/PREFIX with the credentials of the
// environment.
func openStore(ctx context.Context, place string) (store, error) {
	if !strings.HasPrefix(place, "s3://") {
		return folder(place), nil
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	b := &bucket{name: u.Host, client: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		b.prefix = prefix + "/"
	}
	return b, nil
}

// folder is a store on this machine.
type folder string

func (f folder) list(_ context.Context, below string) ([]string, error) {
	root := filepath.Join(string(f), filepath.FromSlash(below))
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we looked, or was never made
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		paths = append(paths, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	return paths, nil
}

func (f folder) open(_ context.Context, path string) (io.ReaderAt, int64, func(), error) {
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(path)))
	if err != nil {
		return nil, 0, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, nil, err
	}
	return file, info.Size(), func() { file.Close() }, nil
}

// bucket is a store in S3.
type bucket struct {
	client       *s3.Client
	name, prefix string
}

func (b *bucket) list(ctx context.Context, below string) ([]string, error) {
	root := b.prefix + below + "/"
	var paths []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &root})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		for _, o := range page.Contents {
			if path := strings.TrimPrefix(aws.ToString(o.Key), root); strings.HasSuffix(path, ".parquet") {
				paths = append(paths, path)
			}
		}
	}
	return paths, nil
}

func (b *bucket) open(ctx context.Context, path string) (io.ReaderAt, int64, func(), error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + path)})
	if err != nil {
		return nil, 0, nil, err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, 0, nil, err
	}
	return bytes.NewReader(body), int64(len(body)), func() {}, nil
}
