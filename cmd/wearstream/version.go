package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/wearstream/wearstream/features"
)

// versionCmd prints what this binary is.
type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *env) error {
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]string{
			"version": build(), "go": runtime.Version(), "algo": features.Core.Algo(),
		})
	}
	fmt.Fprintf(e.stdout, "wearstream %s, %s, %s\n", build(), runtime.Version(), features.Core.Algo())
	return nil
}
