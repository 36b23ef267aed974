package object

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// retryer tries again what the SDK does not: an answer that was cut, and a put
// beside another of the same key, of which S3 cannot say yet who wins.
type retryer struct{ aws.RetryerV2 }

func moreRetries(r aws.Retryer) aws.Retryer {
	return retryer{retry.AddWithErrorCodes(r, "ConditionalRequestConflict").(aws.RetryerV2)}
}

func (r retryer) IsErrorRetryable(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || r.RetryerV2.IsErrorRetryable(err)
}

// once is an option of a request that is not tried again.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// attempts counts how often a request was sent.
type attempts struct {
	aws.RetryerV2
	n int
}

// count is the option that lets a request be counted.
func (a *attempts) count(o *s3.Options) {
	a.RetryerV2 = o.Retryer.(aws.RetryerV2)
	o.Retryer = a
}

func (a *attempts) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	a.n++
	return a.RetryerV2.GetAttemptToken(ctx)
}

// giveUpAfter makes connections fail on which nothing moves for so long, in
// neither direction: a large body that is still being sent is not an answer that
// does not come. Connections that wait for work are closed before.
func giveUpAfter(tr *http.Transport, stall time.Duration) {
	dial := tr.DialContext
	tr.IdleConnTimeout = stall / 2
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallConn{c, stall}, nil
	}
}

type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
