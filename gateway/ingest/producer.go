package ingest

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ProducerOptions are the options of the client that an Ingest writes with. The
// caller adds brokers, name and security.
//
// Records never fail of themselves: a failed record would close the connections
// of all devices in its batch, where waiting holds them back. The front's byte
// budget is what bounds the client, so its own limit on records is out of the way.
//
// The linger is what a thousand devices pay for that publish now and then: at 3,000
// messages a second a request to the log holds two or three of them with 1 ms, and
// the gateway's CPU goes to requests; with 5 ms it is 2/3 of that. Where devices
// wait for each other it changes nothing, and one that sends a backlog one by one
// still sends more than a hundred a second.
func ProducerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent, as the client is by default
		kgo.RecordPartitioner(partitioner()),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(2 << 20),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // packed samples hardly shrink, and it costs the gateway's CPU
		kgo.MaxBufferedRecords(1 << 20),
		kgo.UnknownTopicRetries(-1),
	}
}

// partitioner places a record by its key as every Kafka client does (murmur2). A
// record without a key is a tick and names its partition itself.
func partitioner() kgo.Partitioner {
	byKey := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		keyed := byKey.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if r.Key == nil {
				return int(r.Partition)
			}
			return keyed.Partition(r, n)
		}
	})
}
