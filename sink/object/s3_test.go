package object_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

// server is an S3 server that is there.
//
// In what they differ from S3, each asserted where it shows, so that one that is
// mended is seen:
//
//	versitygw  encryption is accepted, ignored and not confirmed: it has none
//	MinIO      there is one key, as deploy/local/minio gives it
//	account    OBJECTS=s3://BUCKET/PREFIX; a key only with ?kms_key=ID
//
// Nobody's clock but the front's is put wrong, see TestConformanceS3Clock.
type server struct {
	name, base, endpoint string
	kmsKey               string // one that it has
	ignoresEncryption    bool
}

// place is an empty one.
func (s server) place() string { return s.base + "/" + strings.ToLower(rand.Text()) }

// onServers runs a test against every S3 server that is there.
func onServers(t *testing.T, test func(t *testing.T, s server)) {
	bucket := "s3://" + os.Getenv("WEARSTREAM_TEST_BUCKET")
	t.Run("versitygw", func(t *testing.T) {
		s := server{name: "versitygw", base: bucket, ignoresEncryption: true}
		if os.Getenv("OBJECTS") != "" && !parts.S3.There() {
			t.Skip("OBJECTS names another")
		}
		s.endpoint = parts.S3.Need(t)
		test(t, s)
	})
	// On demand: it takes minutes to build.
	if parts.MinIO.There() {
		t.Run("minio", func(t *testing.T) {
			test(t, server{name: "minio", base: bucket, kmsKey: "wearstream", endpoint: parts.MinIO.Need(t)})
		})
	}
	if strings.HasPrefix(os.Getenv("OBJECTS"), "s3://") {
		t.Run("account", func(t *testing.T) { test(t, account()) })
	}
}

func account() server {
	s := server{name: "account", endpoint: os.Getenv("AWS_ENDPOINT_URL_S3")}
	u, err := url.Parse(os.Getenv("OBJECTS"))
	if err != nil || u.Host == "" {
		return s
	}
	s.base, s.kmsKey = strings.TrimSuffix("s3://"+u.Host+u.Path, "/"), u.Query().Get("kms_key")
	if s.endpoint == "" {
		s.endpoint = fmt.Sprintf("https://s3.%s.amazonaws.com", os.Getenv("AWS_REGION"))
	}
	return s
}

// client is the SDK's own, for what the seam does not show.
func (s server) client(t *testing.T) *s3.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &s.endpoint, true })
}

// bucketAndKey is where an object of a place is.
func bucketAndKey(place, key string) (bucket, path *string) {
	name, prefix, _ := strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	return &name, aws.String(prefix + "/" + key)
}

func TestConformanceS3(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		t.Setenv("AWS_ENDPOINT_URL_S3", s.endpoint)
		storetest.Run(t, func(*testing.T) string { return s.place() })
	})
}

// An object above the size of a part is one object, put once.
func TestConformanceS3Parts(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		place := s.place()
		store, err := object.OpenThrough(place, s.endpoint, long)
		if err != nil {
			t.Fatal(err)
		}
		body := bytes.Repeat([]byte("0123456789abcdef"), (11<<20)/16)
		sum := sha256.Sum256(body)
		if err := store.Put(t.Context(), "large", body, sum, map[string]string{"topic": "device.v1", "first": "17"}); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), "large", body, sum, nil); !errors.Is(err, object.ErrExists) {
			t.Errorf("second put: %v", err)
		}
		info, err := store.Head(t.Context(), "large")
		if err != nil || info.Size != int64(len(body)) || info.SHA256 != fmt.Sprintf("%x", sum) || info.Meta["topic"] != "device.v1" || info.Meta["first"] != "17" {
			t.Errorf("head: %+v, %v", info, err)
		}
		got, err := store.Get(t.Context(), "large", 5<<20-5, 10)
		if err != nil || !bytes.Equal(got, body[5<<20-5:5<<20+5]) {
			t.Errorf("range over a part's edge: %q, %v", got, err)
		}
		if got, err := store.Get(t.Context(), "large", 0, -1); err != nil || !bytes.Equal(got, body) {
			t.Errorf("whole: %d bytes, %v", len(got), err)
		}
		sum[0]++
		if err := store.Put(t.Context(), "other", body, sum, nil); !errors.Is(err, object.ErrChecksum) {
			t.Errorf("wrong checksum: %v", err)
		}
		s.sameTags(t, place, "large", "topic=device.v1")
		s.noUploads(t, place)
	})
}

// The server itself has counted the SHA-256 and answers it; the tags are those of
// the metadata that lifecycle rules and bills go by.
func TestConformanceS3ChecksumAndTags(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		place := s.place()
		store, err := object.OpenThrough(place, s.endpoint, long)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte("body")
		sum := sha256.Sum256(body)
		meta := map[string]string{"cell": "main", "topic": "wear.main.device.v1", "schema": "landing/1", "first": "17"}
		if err := store.Put(t.Context(), "k", body, sum, meta); err != nil {
			t.Fatal(err)
		}
		bucket, key := bucketAndKey(place, "k")
		out, err := s.client(t).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key, ChecksumMode: "ENABLED"})
		if err != nil || aws.ToString(out.ChecksumSHA256) != base64Of(sum) {
			t.Errorf("checksum: %q, want %q, %v", aws.ToString(out.ChecksumSHA256), base64Of(sum), err)
		}
		s.sameTags(t, place, "k", "cell=main", "schema=landing/1", "topic=wear.main.device.v1")
	})
}

// Where the server does not confirm the key that was asked for, the put fails
// and says so, and what it left in the clear is not taken for stored later on.
func TestConformanceS3Encryption(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		place := s.place()
		open := func(key string) object.Store {
			t.Helper()
			store, err := object.OpenThrough(place+key, s.endpoint, long)
			if err != nil {
				t.Fatal(err)
			}
			return store
		}
		body := []byte("clear text")
		sum := sha256.Sum256(body)
		unknown := open("?kms_key=no-such-key")
		for range 2 {
			err := unknown.Put(t.Context(), "unknown", body, sum, nil)
			if err == nil || errors.Is(err, object.ErrExists) {
				t.Fatalf("a put without confirmed encryption: %v", err)
			}
			if s.ignoresEncryption != (strings.Contains(err.Error(), "does not confirm") && sink.IsPermanent(err)) {
				t.Errorf("encryption is ignored: %v, but: %v", s.ignoresEncryption, err)
			}
		}
		// What lies there in the clear is not adopted either.
		for _, size := range []int{100, 6 << 20} {
			key, body := fmt.Sprint("clear", size), make([]byte, size)
			if err := open("").Put(t.Context(), key, body, sha256.Sum256(body), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := unknown.Head(t.Context(), key); !sink.IsPermanent(err) {
				t.Errorf("head of an object in the clear: %v", err)
			}
			if err := unknown.Put(t.Context(), key, body, sha256.Sum256(body), nil); err == nil || errors.Is(err, object.ErrExists) {
				t.Errorf("put beside an object in the clear: %v", err)
			}
		}
		if s.kmsKey == "" {
			t.Logf("not run: %s has no key of ours", s.name)
			return
		}
		sealed := open("?kms_key=" + url.QueryEscape(s.kmsKey))
		for _, size := range []int{100, 6 << 20} {
			key, body := fmt.Sprint("sealed", size), make([]byte, size)
			if err := sealed.Put(t.Context(), key, body, sha256.Sum256(body), nil); err != nil {
				t.Fatal(err)
			}
			if err := sealed.Put(t.Context(), key, body, sha256.Sum256(body), nil); !errors.Is(err, object.ErrExists) {
				t.Errorf("put again: %v", err)
			}
			if got, err := sealed.Get(t.Context(), key, 0, -1); err != nil || !bytes.Equal(got, body) {
				t.Errorf("get: %d bytes, %v", len(got), err)
			}
			bucket, path := bucketAndKey(place, key)
			out, err := s.client(t).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: path})
			if err != nil || out.ServerSideEncryption != "aws:kms" || !strings.HasSuffix(aws.ToString(out.SSEKMSKeyId), s.kmsKey) {
				t.Errorf("the server says %q, %q, %v", out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId), err)
			}
		}
	})
}

func TestS3PlacesThatAreNone(t *testing.T) {
	for _, place := range []string{"s3://", "s3:///prefix", "s3://b/../x", "s3://b/p?colour=red"} {
		if _, err := object.Open(place); err == nil {
			t.Errorf("%s was opened", place)
		}
	}
}
