// Package kafkatest gives tests of any package an Apache Kafka that already runs,
// by the addresses in the environment that `deploy/local/kafka env` prints. A test
// gets a name of its own there, and what carries that name is deleted with it.
//
// Where there is none, the test is skipped with the command that brings it, or
// fails where WEARSTREAM_PARTS_REQUIRED is set, as in `make test`.
package kafkatest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

// Brokers are those of the plain listener.
func Brokers(t testing.TB) []string { return strings.Split(parts.Kafka.Need(t), ",") }

// Setting is a further variable that `deploy/local/kafka env` prints.
func Setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		parts.Missing(t, fmt.Errorf("%s is not set: TLS=1 deploy/local/kafka start, then export what it prints", name))
	}
	return value
}

// Name is a cell of the test's own. At its end the topics of the cell and the
// groups whose names begin with it are deleted.
func Name(t testing.TB) string {
	t.Helper()
	brokers := Brokers(t)
	cell := "t" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		if err := clean(brokers, cell); err != nil {
			t.Errorf("delete topics and groups of %s: %v", cell, err)
		}
	})
	return cell
}

func clean(brokers []string, cell string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	adm := kadm.NewClient(cl)
	if err := cleanGroups(ctx, adm, cell); err != nil {
		return err
	}
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, "wear."+cell+".") {
			ours = append(ours, name)
		}
	}
	deleted, err := adm.DeleteTopics(ctx, ours...)
	if err != nil {
		return err
	}
	return deleted.Error()
}

// cleanGroups takes static members out first, which stay where they are stopped.
func cleanGroups(ctx context.Context, adm *kadm.Client, cell string) error {
	listed, err := adm.ListGroups(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, name := range listed.Groups() {
		if strings.HasPrefix(name, cell) {
			ours = append(ours, name)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	groups, err := adm.DescribeGroups(ctx, ours...)
	if err != nil {
		return err
	}
	for name, g := range groups {
		leave := kadm.LeaveGroup(name)
		for _, m := range g.Members {
			if m.InstanceID != nil {
				leave = leave.InstanceIDs(*m.InstanceID)
			}
		}
		if _, err := adm.LeaveGroup(ctx, leave); err != nil {
			return err
		}
	}
	deleted, err := adm.DeleteGroups(ctx, ours...)
	if err != nil {
		return err
	}
	return deleted.Error()
}
