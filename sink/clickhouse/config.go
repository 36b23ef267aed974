package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says where ClickHouse is. Its flags carry the prefix "clickhouse.".
type Config struct {
	DSN          string `name:"dsn" help:"ClickHouse over HTTP: http://user:password@host:port, or https://host:port?secure=true. A database in it takes the place of wearstream_<cell>. An installed ClickHouse is used in this way only; it is never started for you."`
	PasswordFile string `name:"password_file" type:"path" help:"File that holds the password, so that it need not stand in the DSN."`
}

// Validate joins all that is wrong with the configuration.
func (c Config) Validate() error {
	if c.DSN == "" {
		return errors.New("clickhouse.dsn: give the address of ClickHouse, as in http://user@127.0.0.1:8123")
	}
	o, err := ch.ParseDSN(c.DSN)
	if err != nil {
		return fmt.Errorf("clickhouse.dsn: %w", err)
	}
	var faults []error
	if o.Protocol != ch.HTTP {
		faults = append(faults, errors.New("clickhouse.dsn: the scheme must be http or https"))
	}
	if c.PasswordFile != "" && o.Auth.Password != "" {
		faults = append(faults, errors.New("clickhouse.password_file: the DSN has a password too; give one of them"))
	}
	return errors.Join(faults...)
}

// Database is the name of a cell's database.
func Database(cell string) string { return "wearstream_" + cell }

// Open prepares connections to the database of a cell. It dials nothing yet.
func Open(cfg Config, cell string) (driver.Conn, error) {
	o, err := cfg.options(cell)
	if err != nil {
		return nil, err
	}
	return ch.Open(o)
}

func (c Config) options(cell string) (*ch.Options, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o, err := ch.ParseDSN(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.dsn: %w", err)
	}
	if c.PasswordFile != "" {
		password, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("clickhouse.password_file: %w", err)
		}
		o.Auth.Password = strings.TrimSpace(string(password))
	}
	if o.Auth.Database == "" {
		o.Auth.Database = Database(cell)
	}
	if o.Compression == nil {
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 15 * time.Second // to connect, and to wait for a free connection
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = 2 * time.Minute // an insert that takes longer is tried again with the same token
	}
	if o.MaxOpenConns == 0 {
		o.MaxOpenConns = 32
	}
	o.ClientInfo.Products = append(o.ClientInfo.Products, struct{ Name, Version string }{"wearstream", "1"})
	o.Settings["async_insert"] = 0 // an answer means that the rows are there
	o.DialStrategy = dial
	return o, nil
}

// dial makes a connection without the settings of the statement that needs it. The
// client asks for the server's version in the context of that statement; with an
// insert's decompress=1 the server would take the text of the question for
// compressed frames.
func dial(ctx context.Context, id int, o *ch.Options, dial ch.Dial) (ch.DialResult, error) {
	return ch.DefaultDialStrategy(ch.Context(ctx, ch.WithSettings(nil)), id, o, dial)
}
