package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/wearstream/wearstream/stream"
)

// block is what one INSERT stores: columns of rows of one table partition.
type block struct {
	table  string
	part   string // partition of the table
	index  int    // of the blocks of the cut in that partition
	rows   int
	input  proto.Input
	key    string    // the table's sorting key
	bounds [2]string // keys of the first and the last row, as literals
}

// resends is how many tokens a block may use up. Each one costs a crash of
// ClickHouse within the moment between noting it and showing the rows.
const resends = 10

// insertWithin is how long a block may take. A connection that hangs is given up
// for another one; the token makes that harmless.
const insertWithin = 5 * time.Minute

// insert stores a block. An answer without error means that the rows are there:
// a known token is no proof of that, so the rows are looked for. Both the first
// and the last row must be found, since an older cut with other bounds may hold
// one of them; blocks are stored in order, so what is between them is there too.
func (c *clickhouse) insert(ctx context.Context, r stream.Range, b *block) error {
	ctx, cancel := context.WithTimeout(ctx, insertWithin)
	defer cancel()
	data, err := b.encode()
	if err != nil {
		return fmt.Errorf("encode block for %s: %w", b.table, err)
	}
	for attempt := range resends {
		settings := ch.WithSettings(ch.Settings{
			"insert_deduplication_token": b.token(r, attempt),
			"insert_deduplicate":         1,
			"async_insert":               0,
			"decompress":                 1, // see dial
		})
		statement := "INSERT INTO " + b.table + " (" + b.input.Columns()[1:]
		if err := c.conn.InsertFormat(ch.Context(ctx, settings), "Native", statement, bytes.NewReader(data)); err != nil {
			return fmt.Errorf("insert %d rows into %s: %w", b.rows, b.table, explain(err))
		}
		// A crash here, or above, makes the next attempt send the same tokens.
		found, err := c.holds(ctx, b)
		if err != nil {
			return err
		}
		if found {
			c.m.tables.Stored(b.table, b.rows, len(data))
			return nil
		}
		c.m.resent.Inc()
	}
	return fmt.Errorf("insert %d rows into %s: ClickHouse accepts them and does not show them; see its log, and whether something deletes rows", b.rows, b.table)
}

// holds reports whether the table has the block's first and last row.
func (c *clickhouse) holds(ctx context.Context, b *block) (bool, error) {
	want := uint64(2)
	if b.bounds[0] == b.bounds[1] {
		want = 1
	}
	var got uint64
	err := c.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM (SELECT DISTINCT %s FROM %s WHERE (%s) IN (%s, %s))",
		b.key, b.table, b.key, b.bounds[0], b.bounds[1])).Scan(&got)
	if err != nil {
		return false, fmt.Errorf("look for inserted rows in %s: %w", b.table, err)
	}
	return got == want, nil
}

// token names a block for ever. It changes with the columns, so that a version
// that knows more of them is not taken for one that knew less.
func (b *block) token(r stream.Range, attempt int) string {
	var names strings.Builder
	for _, col := range b.input {
		fmt.Fprintf(&names, "%s %s,", col.Name, col.Data.Type())
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d|%d|%d|%s|%s|%d|%d",
		b.table, r.Log, r.Topic, r.Partition, r.First, r.Next, names.String(), b.part, b.index, attempt))
	return hex.EncodeToString(sum[:])
}

// encode writes the block in the format Native, in compressed frames.
func (b *block) encode() ([]byte, error) {
	var raw proto.Buffer
	// Version 0: over HTTP an insert has no protocol revision.
	if err := (proto.Block{Columns: len(b.input), Rows: b.rows}).EncodeRawBlock(&raw, 0, b.input); err != nil {
		return nil, err
	}
	const frame = 1 << 20
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	var out []byte
	for data := raw.Buf; len(data) > 0; {
		n := min(len(data), frame)
		if err := w.Compress(data[:n]); err != nil {
			return nil, err
		}
		out = append(out, w.Data...)
		data = data[n:]
	}
	return out, nil
}

// explain says what to do where trying again cannot help until somebody did it.
func explain(err error) error {
	e, ok := errors.AsType[*ch.Exception](err)
	if !ok {
		return err
	}
	switch e.Code {
	case 16, 53, 60, 81: // no such column, type mismatch, unknown table, unknown database
		return fmt.Errorf("%w; the tables are not as this version made them: restart the sink, which migrates them, and see that no other version runs", err)
	case 497, 516: // access denied, authentication failed
		return fmt.Errorf("%w; see clickhouse.dsn, clickhouse.password_file and the user's grants", err)
	}
	return err
}

// literal quotes a text.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
