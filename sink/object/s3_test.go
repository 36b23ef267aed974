package object_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/sink"
	"github.com/wearstream/wearstream/sink/object"
	"github.com/wearstream/wearstream/sink/object/storetest"
)

// needS3 answers an empty place in a real S3 server, or in any account that
// OBJECTS=s3://BUCKET/PREFIX names.
func needS3(t *testing.T) string {
	t.Helper()
	if place := os.Getenv("OBJECTS"); strings.HasPrefix(place, "s3://") {
		return place + "/" + strings.ToLower(rand.Text())
	}
	endpoint := os.Getenv("WEARSTREAM_TEST_S3")
	if endpoint == "" {
		const how = "no S3 server: run `eval \"$(deploy/local/all env)\"` after `deploy/local/versitygw start`, or set OBJECTS=s3://BUCKET/PREFIX"
		if os.Getenv("WEARSTREAM_PARTS_REQUIRED") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	return fmt.Sprintf("s3://%s/%s", os.Getenv("WEARSTREAM_TEST_BUCKET"), strings.ToLower(rand.Text()))
}

func TestS3Conforms(t *testing.T) {
	storetest.Run(t, needS3)
}

// TestS3InParts: an object above the size of a part is one object, put once.
func TestS3InParts(t *testing.T) {
	place := needS3(t)
	s, err := object.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), (130<<20)/16)
	sum := sha256.Sum256(body)
	if err := s.Put(t.Context(), "large", body, sum, map[string]string{"topic": "device.v1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "large", body, sum, nil); !errors.Is(err, object.ErrExists) {
		t.Errorf("second put: %v", err)
	}
	info, err := s.Head(t.Context(), "large")
	if err != nil || info.Size != int64(len(body)) || info.SHA256 != fmt.Sprintf("%x", sum) || info.Meta["topic"] != "device.v1" {
		t.Errorf("head: %+v, %v", info, err)
	}
	got, err := s.Get(t.Context(), "large", 64<<20-5, 10)
	if err != nil || !bytes.Equal(got, body[64<<20-5:64<<20+5]) {
		t.Errorf("range over a part's edge: %q, %v", got, err)
	}
	sum[0]++
	if err := s.Put(t.Context(), "other", body, sum, nil); !errors.Is(err, object.ErrChecksum) {
		t.Errorf("wrong checksum: %v", err)
	}
}

// TestS3EncryptionIsConfirmed: where the server does not confirm the key that
// was asked for, the put fails and says so.
func TestS3EncryptionIsConfirmed(t *testing.T) {
	place := needS3(t)
	if os.Getenv("OBJECTS") != "" {
		t.Skip("the account may well confirm it")
	}
	s, err := object.Open(place + "?kms_key=no-such-key")
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("clear text")
	err = s.Put(t.Context(), "sealed", body, sha256.Sum256(body), nil)
	if err == nil || errors.Is(err, object.ErrExists) {
		t.Fatalf("a put without confirmed encryption: %v", err)
	}
	if strings.Contains(err.Error(), "confirm") && !sink.IsPermanent(err) {
		t.Errorf("an unconfirmed encryption must not be tried again: %v", err)
	}
}

func TestS3PlacesThatAreNone(t *testing.T) {
	for _, place := range []string{"s3://", "s3:///prefix", "s3://b/../x", "s3://b/p?colour=red"} {
		if _, err := object.Open(place); err == nil {
			t.Errorf("%s was opened", place)
		}
	}
}
