package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/wearstream/wearstream/gateway"
	"github.com/wearstream/wearstream/loadtest/replay"
	"github.com/wearstream/wearstream/sink/clickhouse"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/score"
)

// The flags of configurations that are checked by their command, after it has
// filled in what it knows. The parser would check the packages' own types before.
type (
	kafkaFlags      kafka.Config
	gatewayFlags    gateway.Config
	clickhouseFlags clickhouse.Config
	replayFlags     replay.Config
	modelFlags      score.Config
)

// configFile is the --config flag.
type configFile = kong.ConfigFlag

// loadYAML reads a configuration file. Its keys are the names of the flags, flat
// (mqtt.listen: ...) or nested (mqtt: {listen: ...}).
func loadYAML(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("read configuration: %s", yaml.FormatError(err, false, true))
	}
	c := &config{values: map[string]any{}}
	c.flatten("", tree)
	return c, nil
}

// config resolves flags from a file.
type config struct{ values map[string]any }

func (c *config) flatten(prefix string, tree map[string]any) {
	for key, value := range tree {
		if sub, ok := value.(map[string]any); ok {
			c.flatten(prefix+key+".", sub)
			continue
		}
		c.values[prefix+key] = value
	}
}

// Validate refuses keys that no command knows, and says which one was meant.
func (c *config) Validate(app *kong.Application) error {
	var known []string
	_ = kong.Visit(app, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok {
			known = append(known, f.Name)
		}
		return next(nil)
	})
	for key := range c.values {
		if !slices.Contains(known, key) {
			return fmt.Errorf("configuration: unknown key %q, did you mean %q?", key, nearest(key, known))
		}
	}
	return nil
}

// Resolve answers the value of a flag, unless the environment has one: it goes
// before the file.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	v, ok := c.values[flag.Name]
	if !ok {
		return nil, nil
	}
	if list, ok := v.([]any); ok {
		var parts []string
		for _, item := range list {
			parts = append(parts, fmt.Sprint(item))
		}
		return strings.Join(parts, ","), nil
	}
	return fmt.Sprint(v), nil
}

// nearest is the known name with the smallest edit distance.
func nearest(key string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return distance(key, a) - distance(key, b) })
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// defaultData is where `wearstream up` keeps its data unless told otherwise.
func defaultData() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "wearstream")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "wearstream-data"
	}
	return filepath.Join(home, ".local", "share", "wearstream")
}
