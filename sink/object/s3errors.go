package object

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

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
	case status(err) == http.StatusNotFound && verb != "put" && code != "NoSuchBucket":
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
