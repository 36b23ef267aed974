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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/wearstream/wearstream/sink"
)

// bucket is a store in S3, or in what speaks like it. Credentials, region and
// endpoint come from the environment or the machine's role, as for every AWS
// program (AWS_REGION, AWS_ENDPOINT_URL_S3).
//
// Exactly one of many writers wins by If-None-Match: *. An answer that is lost
// leaves open who did; settle finds out.
type bucket struct {
	client   *s3.Client
	name     string
	prefix   string // empty, or with a slash at its end
	kmsKey   string // empty: the bucket's own encryption
	partSize int    // objects above it are sent in parts of it
}

const (
	partSize = 64 << 20
	// A connection on which nothing moves for so long is given up. Without it a
	// network that swallows packets holds a sink for ever.
	stall = 30 * time.Second
)

// openS3 opens s3://BUCKET/PREFIX. With ?kms_key=ID every object is encrypted
// with that key, and one that is not is an error, also one that is there already.
func openS3(place string) (Store, error) {
	b, err := newBucket(place, stall)
	if err != nil {
		return nil, fmt.Errorf("open object store %q: %w", place, err)
	}
	return b, nil
}

func newBucket(place string, stall time.Duration, options ...func(*s3.Options)) (*bucket, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" {
		return nil, errors.New("write s3://BUCKET/PREFIX")
	}
	for name := range u.Query() {
		if name != "kms_key" {
			return nil, fmt.Errorf("unknown parameter %q; there is kms_key", name)
		}
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, append(options, func(o *s3.Options) {
		// Unset, no checksum is sent at all, and a body that was cut may be kept.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		o.DisableLogOutputChecksumValidationSkipped = true // of a range there is none
		o.UsePathStyle = o.BaseEndpoint != nil             // names below an endpoint of one's own rarely resolve
		o.Retryer = moreRetries(o.Retryer)
		if c, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = c.WithTransportOptions(func(tr *http.Transport) { giveUpAfter(tr, stall) })
		}
	})...)
	return &bucket{client: client, name: u.Host, prefix: prefix, kmsKey: u.Query().Get("kms_key"), partSize: partSize}, nil
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
	// A crash in here leaves nothing, parts that nobody sees, or the whole object,
	// which the next attempt finds.
	var sent attempts
	put := b.putWhole
	if len(body) > b.partSize {
		put = b.putParts
	}
	err := put(ctx, key, body, sum, all, &sent)
	return wrapS3("put", key, b.settle(ctx, key, int64(len(body)), all[metaSum], &sent, err))
}

func (b *bucket) putWhole(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string, sent *attempts) error {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: b.path(key), Body: bytes.NewReader(body), Metadata: meta, Tagging: tags(meta),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
	if b.kmsKey != "" {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &b.kmsKey
	}
	out, err := b.client.PutObject(ctx, in, sent.count)
	if err != nil {
		return err
	}
	return b.confirmed(key, out.ServerSideEncryption, out.SSEKMSKeyId)
}

// settle finds out what an error of a put means. Where the answer was lost, the
// object may be there all the same, and then it is this one or another writer's:
// the SHA-256 tells. A second attempt that is told that the object exists may
// have been told so of the first.
func (b *bucket) settle(ctx context.Context, key string, size int64, sum string, sent *attempts, err error) error {
	code := status(err)
	clear := sent.n <= 1 && code >= 400 && code < 500
	if err == nil || clear && (code != http.StatusPreconditionFailed || b.kmsKey == "") || ctx.Err() != nil || sink.IsPermanent(err) {
		return err
	}
	there, headErr := b.head(ctx, key, once) // the caller puts again, so one attempt is enough
	switch {
	case sink.IsPermanent(headErr):
		return headErr // it lies there in the clear
	case headErr != nil:
		return err
	case !clear && there.SHA256 == sum && there.Size == size:
		return nil
	}
	return ErrExists
}

// confirmed fails closed where encryption was asked for and not confirmed: there
// are servers that ignore the request.
func (b *bucket) confirmed(key string, got types.ServerSideEncryption, with *string) error {
	if b.kmsKey == "" {
		return nil
	}
	// The answer names the key in full; an alias is not in it.
	name := b.kmsKey[strings.LastIndexAny(b.kmsKey, "/:")+1:]
	if got == types.ServerSideEncryptionAwsKms && (strings.Contains(b.kmsKey, "alias/") || strings.HasSuffix(aws.ToString(with), name)) {
		return nil
	}
	return sink.Permanent(fmt.Errorf("the store does not confirm that %q is encrypted with the key %q (it says %q, %q): it may lie there in the clear", key, b.kmsKey, got, aws.ToString(with)))
}

// tags are for lifecycle rules and bills.
func tags(meta map[string]string) *string {
	v := url.Values{}
	for _, name := range []string{"cell", "topic", "schema"} {
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
	for attempt := 1; ; attempt++ {
		body, cut, err := b.get(ctx, key, offset, length)
		if status(err) == http.StatusRequestedRangeNotSatisfiable {
			return nil, nil // beyond the end
		}
		if !cut || attempt == 3 || ctx.Err() != nil {
			return body, wrapS3("get", key, err)
		}
	}
}

// get is one answer, and whether it was cut after it had begun, which the SDK
// does not try again. Without a range the SDK compares the body with the
// checksum that the store holds.
func (b *bucket) get(ctx context.Context, key string, offset, length int64) (body []byte, cut bool, err error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: b.path(key)}
	if offset > 0 || length > 0 {
		span := fmt.Sprintf("bytes=%d-", offset)
		if length > 0 {
			span += fmt.Sprint(offset + length - 1)
		}
		in.Range = &span
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, false, err
	}
	defer out.Body.Close()
	if in.Range != nil && !strings.HasPrefix(aws.ToString(out.ContentRange), fmt.Sprintf("bytes %d-", offset)) {
		return nil, false, fmt.Errorf("asked for %s, the store answers with %q", *in.Range, aws.ToString(out.ContentRange))
	}
	if out.ContentLength == nil {
		return nil, false, errors.New("the store does not say how long its answer is, so nobody would see that it was cut")
	}
	body = make([]byte, *out.ContentLength)
	if _, err := io.ReadFull(out.Body, body); err != nil {
		return nil, true, err
	}
	_, err = io.Copy(io.Discard, out.Body) // at its end the checksum is compared
	return body, err != nil, err
}

func (b *bucket) Head(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	info, err := b.head(ctx, key)
	return info, wrapS3("head", key, err)
}

func (b *bucket) head(ctx context.Context, key string, options ...func(*s3.Options)) (Info, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: b.path(key), ChecksumMode: types.ChecksumModeEnabled}, options...)
	if err != nil {
		return Info{}, err
	}
	if err := b.confirmed(key, out.ServerSideEncryption, out.SSEKMSKeyId); err != nil {
		return Info{}, err
	}
	info := Info{Key: key, Size: aws.ToInt64(out.ContentLength), Meta: map[string]string{}}
	for name, value := range out.Metadata {
		if name = strings.ToLower(name); name == metaSum {
			info.SHA256 = value
		} else {
			info.Meta[name] = value
		}
	}
	// What the store itself has counted is better than what it was told. That of
	// parts is another sum, with their number behind it.
	if own, err := base64.StdEncoding.DecodeString(aws.ToString(out.ChecksumSHA256)); err == nil && len(own) == sha256.Size {
		info.SHA256 = hex.EncodeToString(own)
	}
	return info, nil
}

func (b *bucket) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: b.path(prefix)}
		if after != "" {
			in.StartAfter = b.path(after)
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

func (b *bucket) path(key string) *string { return aws.String(b.prefix + key) }
