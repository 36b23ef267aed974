package clickhouse

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/wearstream/wearstream/stream"
)

type logKey struct {
	topic string
	log   stream.LogID
}

// generation is the number of a log among the logs of its topic, in the order in
// which they were met. A log that is met for the first time gets the next number.
//
// The insert is a compare-and-swap: its token names the topic and the number, so
// of several processes that claim the number, one is heard. All of them read
// afterwards who it was. A number whose token was noted by a ClickHouse that died
// before it stored the row is claimed again with another token.
func (c *clickhouse) generation(ctx context.Context, topic string, log stream.LogID) (uint32, error) {
	key := logKey{topic, log}
	c.mu.Lock()
	g, ok := c.generations[key]
	c.mu.Unlock()
	if ok {
		return g, nil
	}
	g, err := c.claim(ctx, topic, log)
	if err != nil {
		return 0, fmt.Errorf("number log %q of topic %q: %w", log, topic, explain(err))
	}
	c.mu.Lock()
	c.generations[key] = g
	c.mu.Unlock()
	return g, nil
}

func (c *clickhouse) claim(ctx context.Context, topic string, log stream.LogID) (uint32, error) {
	var claimed uint32
	for attempt := 0; attempt < resends; attempt++ {
		var mine, last uint32
		err := c.conn.QueryRow(ctx, "SELECT maxIf(generation, log_id = $1), max(generation) FROM logs WHERE topic = $2", string(log), topic).Scan(&mine, &last)
		if err != nil {
			return 0, err
		}
		if mine != 0 {
			return mine, nil
		}
		if last+1 != claimed {
			claimed, attempt = last+1, 0
		}
		settings := ch.WithSettings(ch.Settings{
			"insert_deduplication_token": fmt.Sprintf("%s|%d|%d", topic, claimed, attempt),
			"insert_deduplicate":         1,
			"async_insert":               0,
		})
		err = c.conn.Exec(ch.Context(ctx, settings), "INSERT INTO logs (topic, log_id, generation) VALUES ($1, $2, $3)", topic, string(log), claimed)
		if err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("ClickHouse accepts a row of logs and does not show it; see its log")
}
