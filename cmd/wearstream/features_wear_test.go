package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wearstream/wearstream/features/oracle"
)

// e4Folder lays a reference session out as the E4 exports it.
func e4Folder(t *testing.T, data oracle.Data, dir, session string) string {
	t.Helper()
	folder := filepath.Join(dir, session)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ACC", "TEMP"} {
		body, err := os.ReadFile(filepath.Join(data.Oracle, "inputs", session+"."+kind+".csv.gz"))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, kind+".csv.gz"), body, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestOracleWear holds the minutes of wear of the reference sessions, read as an E4's
// export, against the references, by DuckDB.
func TestOracleWear(t *testing.T) {
	data := references(t)
	sessions, err := data.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var folders []string
	for _, session := range sessions {
		folders = append(folders, e4Folder(t, data, dir, session))
	}
	for _, c := range []struct {
		wear, by, column string
		args             []string
	}{
		{by: "detach", column: "nimbaldetach"},                                                                // the default order, in which it decides first
		{wear: "cta", by: "cta", column: "cta_sd0.013"},                                                       // the E4's own threshold
		{wear: "ggir2023", by: "ggir2023", column: "ggir_r1"},                                                 // without the rules about islands
		{wear: "ggir2023", by: "ggir2023", column: "ggir2023_range150", args: []string{"--wear-clean"}},       // with them
		{wear: "choi,cta", by: "choi", column: "skdh_Count_90min", args: []string{"--set", "core.v1,ref.v1"}}, // counts
	} {
		t.Run(c.column, func(t *testing.T) {
			out := t.TempDir()
			args := append([]string{"features", "-o", out, "--origin", "first-sample", "--study", "ST01", "--participant", "P-1"}, c.args...)
			if c.wear != "" {
				args = append(args, "--wear", c.wear)
			}
			if _, stderr, code := call(append(args, folders...)...); code != exitOK {
				t.Fatalf("exit status %d\n%s", code, stderr)
			}
			name := "wear.v1"
			if c.wear == c.by {
				name = c.by
			}
			if slices.Contains(c.args, "--wear-clean") {
				name += "-clean"
			}
			for _, session := range sessions {
				want := wearReference(t, data, session, c.column)
				got := strings.Fields(duckDB(t, fmt.Sprintf(`SELECT state || ':' || decided_by FROM read_parquet('%s/wear/v1/*/*/*.parquet', hive_partitioning = true)
					WHERE sensor = '%s' AND study = 'ST01' AND participant = 'P-1' AND status = 'final' AND algo LIKE '%s@%%' ORDER BY window_start`, out, session, name)))
				if len(got) < len(want) || len(got) > len(want)+15 {
					t.Fatalf("%s: %d minutes, the reference has %d", session, len(got), len(want))
				}
				differ := 0
				for i, w := range want {
					if got[i] != w+":"+c.by {
						if differ++; differ < 5 {
							t.Errorf("%s: minute %d is %s, the reference says %s", session, i, got[i], w)
						}
					}
				}
				t.Logf("%s: %d minutes compared, %d differ", session, len(want), differ)
			}
		})
	}
}

// wearReference is what a reference says of the minutes of a session from its first.
func wearReference(t *testing.T, data oracle.Data, session, column string) (states []string) {
	t.Helper()
	each, kind, off := 1, "wear_minutes", 0.
	if column == "ggir_r1" {
		each, kind, column, off = 15, "ggir_nonwear_2023_range150mg", "r1_nonwear", 1
	}
	table, err := data.Wear(session, kind)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range table[column] {
		state := "WEAR"
		if v == off {
			state = "NONWEAR"
		}
		for range each {
			states = append(states, state)
		}
	}
	return states
}
