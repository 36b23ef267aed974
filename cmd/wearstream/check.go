package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"
)

// checkCmd takes the names of up, of which every service's are a part.
type checkCmd struct {
	Up upCmd `embed:""`
}

func (checkCmd) Help() string {
	return "It takes the flags, environment and configuration file of any service, says what they mean and dials what they name. " +
		"Without brokers and DSN it looks at the `wearstream up` of the data folder.\n\n" +
		"Examples:\n  wearstream check\n  wearstream check --config wearstream.yaml"
}

// Run prints the effective values and what answers. The exit status is that of
// the first failure: 2 configuration, 5 a dependency.
func (c *checkCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	values := effective(k)
	var findings []finding
	for _, p := range c.Up.probes(e) {
		findings = append(findings, p.try(ctx))
	}
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(map[string]any{"values": values, "checks": findings}); err != nil {
			return err
		}
	} else {
		for _, v := range values {
			fmt.Fprintf(e.stdout, "%-28s %s\n", v[0], v[1])
		}
		for _, f := range findings {
			f.print(e.stdout)
		}
	}
	for _, f := range findings {
		if f.State == fails {
			return coded(f.code, fmt.Errorf("%s: %s", f.What, f.Says))
		}
	}
	return nil
}

// effective lists every flag with its value, without secrets.
func effective(k *kong.Context) [][2]string {
	var all [][2]string
	for _, f := range k.Flags() {
		if f.Name == "help" {
			continue
		}
		value := fmt.Sprint(k.FlagValue(f))
		if strings.HasSuffix(f.Name, ".dsn") {
			if u, err := url.Parse(value); err == nil {
				value = u.Redacted()
			}
		}
		all = append(all, [2]string{f.Name, strings.Trim(value, "[]")})
	}
	return all
}

func redacted(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}
