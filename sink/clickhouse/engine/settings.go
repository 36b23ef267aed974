package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// grants are all that statements may do. Reading and writing files, other
// servers, commands (a dictionary can run one), backups, users and table engines
// that reach outside are not among them.
var grants = []string{
	"SHOW, SELECT, INSERT, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE ARBITRARY TEMPORARY TABLE, CREATE TEMPORARY VIEW, CREATE FUNCTION, " +
		"DROP DATABASE, DROP TABLE, DROP VIEW, DROP FUNCTION, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, KILL QUERY, " +
		"SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM FLUSH, SYSTEM DROP CACHE ON *.*",
	"SET DEFINER ON *",
}

// tableEngines are the engines that tables may have.
var tableEngines = []string{
	"MergeTree", "ReplacingMergeTree", "AggregatingMergeTree", "SummingMergeTree", "CollapsingMergeTree", "VersionedCollapsingMergeTree",
	"Memory", "Null", "View", "MaterializedView", "Set", "Join", "Buffer", "Merge", "Log", "TinyLog", "StripeLog", "GenerateRandom",
}

var configXML = template.Must(template.New("config.xml").Parse(`<clickhouse>
  <users_config>{{.Users}}</users_config>
  <max_server_memory_usage>{{.Memory}}</max_server_memory_usage>
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
  <remote_url_allow_hosts></remote_url_allow_hosts>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
`))

var usersXML = template.Must(template.New("users.xml").Parse(`<clickhouse>
  <profiles><default>
    <async_insert>0</async_insert>
    <implicit_select>0</implicit_select>
    <allow_introspection_functions>0</allow_introspection_functions>
  </default></profiles>
  <quotas><default></default></quotas>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
{{- range .Grants}}
      <query>GRANT {{.}}</query>
{{- end}}
{{- range .Engines}}
      <query>GRANT TABLE ENGINE ON {{.}}</query>
{{- end}}
    </grants>
  </default></users>
</clickhouse>
`))

// writeConfig writes the engine's configuration anew and returns its path. The
// engine would otherwise look for one in the working directory. The user inside
// is always "default", without a password: the front asks for ours.
func writeConfig(cfg Config, dir string) (string, error) {
	if strings.ContainsAny(dir, "<>&") {
		return "", fmt.Errorf("folder %q: choose a name without < > &", dir)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	users := filepath.Join(dir, "users.xml")
	config := filepath.Join(dir, "config.xml")
	if err := render(users, usersXML, map[string]any{"Grants": grants, "Engines": tableEngines}); err != nil {
		return "", err
	}
	return config, render(config, configXML, map[string]any{"Users": users, "Memory": cfg.MemoryMiB << 20})
}

func render(path string, t *template.Template, data any) error {
	var text strings.Builder
	if err := t.Execute(&text, data); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}
