package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// putParts sends a large object in parts. A crash before the last step leaves
// parts that nobody sees; a rule of the bucket removes them.
func (b *bucket) putParts(ctx context.Context, key string, body []byte, sum [sha256.Size]byte, meta map[string]string, sent *attempts) error {
	if sha256.Sum256(body) != sum {
		return ErrChecksum // S3 compares the parts only
	}
	start := &s3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: b.path(key), Metadata: meta, Tagging: tags(meta), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}
	if b.kmsKey != "" {
		start.ServerSideEncryption, start.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &b.kmsKey
	}
	up, err := b.client.CreateMultipartUpload(ctx, start)
	if err != nil {
		return err
	}
	parts, err := b.uploadParts(ctx, key, up.UploadId, body)
	if err != nil {
		b.abort(ctx, key, up.UploadId)
		return err
	}
	_, err = b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.name, Key: b.path(key), UploadId: up.UploadId, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}, sent.count)
	if err != nil {
		b.abort(ctx, key, up.UploadId)
		return err
	}
	if b.kmsKey != "" {
		_, err = b.head(ctx, key) // not every server says in its answer how it is encrypted
	}
	return err
}

func (b *bucket) uploadParts(ctx context.Context, key string, upload *string, body []byte) (parts []types.CompletedPart, err error) {
	for at := 0; at < len(body); at += b.partSize {
		part := body[at:min(at+b.partSize, len(body))]
		sum := sha256.Sum256(part)
		number, text := int32(len(parts)+1), base64.StdEncoding.EncodeToString(sum[:])
		out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &b.name, Key: b.path(key), UploadId: upload, PartNumber: &number,
			Body: bytes.NewReader(part), ChecksumSHA256: &text,
		})
		if err != nil {
			return nil, err
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumSHA256: &text})
	}
	return parts, nil
}

// abort forgets the parts. Its own failure matters to the bill only. A completion
// whose answer was lost is not undone by it.
func (b *bucket) abort(ctx context.Context, key string, upload *string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: b.path(key), UploadId: upload}, once)
}
