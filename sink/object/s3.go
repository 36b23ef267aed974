package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/wearstream/wearstream/sink"
)

// bucket is a store in S3, or in what speaks like it. Credentials, region and
// endpoint come from the environment or the machine's role, as for every AWS
// program (AWS_REGION, AWS_ENDPOINT_URL_S3).
//
// Exactly one of many writers wins by If-None-Match: *. A writer that lost often
// sees its connection reset instead of the answer 412, since the server answers
// before it has read the body: that is one of the errors after which the object
// may be there, and the caller puts again and compares.
type bucket struct {
	client *s3.Client
	name   string
	prefix string // empty, or with a slash at its end
	kmsKey string // empty: the bucket's own encryption
}

// Objects above partSize are sent in parts of it.
const partSize = 64 << 20

// openS3 opens s3://BUCKET/PREFIX. With ?kms_key=ID every object is encrypted
// with that key, and an answer that does not confirm it is an error.
func openS3(place string) (Store, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("open object store %q: write s3://BUCKET/PREFIX", place)
	}
	for name := range u.Query() {
		if name != "kms_key" {
			return nil, fmt.Errorf("open object store %q: unknown parameter %q; there is kms_key", place, name)
		}
	}
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, fmt.Errorf("open object store %q: %w", place, err)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return nil, fmt.Errorf("open object store %q: %w", place, err)
		}
		prefix += "/"
	}
	return &bucket{
		client: s3.NewFromConfig(cfg, func(o *s3.Options) {
			// Unset, no checksum is sent at all, and a body that was cut may be kept.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
			o.UsePathStyle = o.BaseEndpoint != nil // names below an endpoint of one's own rarely resolve
		}),
		name: u.Host, prefix: prefix, kmsKey: u.Query().Get("kms_key"),
	}, nil
}

// metaSum is the name of the metadata that holds the body's SHA-256: S3 itself
// has none of the whole body for what was sent in parts.
const metaSum = "sha256"

func (b *bucket) Put(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	all := map[string]string{metaSum: hex.EncodeToString(sum[:])}
	for name, value := range meta {
		all[name] = value
	}
	var err error
	if len(body) > partSize {
		err = b.putParts(ctx, key, body, sum, all)
	} else {
		err = b.putWhole(ctx, key, body, sum, all)
	}
	return wrapS3("put", key, err)
}

func (b *bucket) putWhole(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), Body: bytes.NewReader(body), Metadata: meta, Tagging: tags(meta),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
	if b.kmsKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &b.kmsKey
	}
	out, err := b.client.PutObject(ctx, in)
	if err != nil {
		return err
	}
	return b.confirmed(key, out.ServerSideEncryption)
}

// putParts sends a large object in parts. A crash before the last step leaves
// parts that nobody sees; a rule of the bucket removes them.
func (b *bucket) putParts(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string) error {
	if sha256.Sum256(body) != sum {
		return ErrChecksum // S3 compares the parts only
	}
	start := &s3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), Metadata: meta, Tagging: tags(meta), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}
	if b.kmsKey != "" {
		start.ServerSideEncryption, start.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &b.kmsKey
	}
	up, err := b.client.CreateMultipartUpload(ctx, start)
	if err != nil {
		return err
	}
	var parts []types.CompletedPart
	for at := 0; at < len(body); at += partSize {
		part := body[at:min(at+partSize, len(body))]
		partSum := sha256.Sum256(part)
		number, text := int32(len(parts)+1), base64.StdEncoding.EncodeToString(partSum[:])
		out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &b.name, Key: aws.String(b.prefix + key), UploadId: up.UploadId, PartNumber: &number,
			Body: bytes.NewReader(part), ChecksumSHA256: &text,
		})
		if err != nil {
			return errors.Join(err, b.abort(ctx, key, up.UploadId))
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumSHA256: &text})
	}
	out, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), UploadId: up.UploadId, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return errors.Join(err, b.abort(ctx, key, up.UploadId))
	}
	return b.confirmed(key, out.ServerSideEncryption)
}

// abort forgets the parts. Its own failure matters to the bill only.
func (b *bucket) abort(ctx context.Context, key string, upload *string) error {
	_, _ = b.client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), UploadId: upload,
	})
	return nil
}

// confirmed fails closed where encryption was asked for and not confirmed: there
// are servers that ignore the request.
func (b *bucket) confirmed(key string, got types.ServerSideEncryption) error {
	if b.kmsKey != "" && got != types.ServerSideEncryptionAwsKms {
		return sink.Permanent(fmt.Errorf("the store did not confirm that %q is encrypted with the key %q: it may lie there in the clear", key, b.kmsKey))
	}
	return nil
}

// tags are for lifecycle rules and bills.
func tags(meta map[string]string) *string {
	v := url.Values{}
	for _, name := range []string{"topic", "schema"} {
		if meta[name] != "" {
			v.Set(name, meta[name])
		}
	}
	if len(v) == 0 {
		return nil
	}
	return aws.String(v.Encode())
}

func (b *bucket) Get(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if length == 0 {
		_, err := b.Head(ctx, key)
		return nil, err
	}
	span := fmt.Sprintf("bytes=%d-", offset)
	if length > 0 {
		span += fmt.Sprint(offset + length - 1)
	}
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key), Range: &span})
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return nil, nil // beyond the end
	}
	if err != nil {
		return nil, wrapS3("get", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return body, wrapS3("get", key, err)
}

func (b *bucket) Head(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	if err != nil {
		return Info{}, wrapS3("head", key, err)
	}
	info := Info{Key: key, Size: aws.ToInt64(out.ContentLength), Meta: map[string]string{}}
	for name, value := range out.Metadata {
		if name = strings.ToLower(name); name == metaSum {
			info.SHA256 = value
		} else {
			info.Meta[name] = value
		}
	}
	return info, nil
}

func (b *bucket) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: aws.String(b.prefix + prefix)}
		if after != "" {
			in.StartAfter = aws.String(b.prefix + after)
		}
		for pages := s3.NewListObjectsV2Paginator(b.client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Info{}, wrapS3("list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(Info{Key: strings.TrimPrefix(aws.ToString(o.Key), b.prefix), Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
		}
	}
}

// wrapS3 names the object and turns answers into the sentinels of Store.
func wrapS3(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	code := ""
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	switch {
	case status(err) == http.StatusPreconditionFailed:
		return fmt.Errorf("%s object %q: %w", verb, key, ErrExists)
	case status(err) == http.StatusNotFound && code != "NoSuchBucket":
		return fmt.Errorf("%s object %q: %w", verb, key, ErrNotFound)
	case code == "BadDigest" || code == "XAmzContentChecksumMismatch" || code == "XAmzContentSHA256Mismatch" || code == "InvalidDigest":
		return fmt.Errorf("%s object %q: %w: %w", verb, key, ErrChecksum, err)
	}
	return fmt.Errorf("%s object %q: %w", verb, key, err)
}

// status is the HTTP status of an answer, 0 where there was none.
func status(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}
