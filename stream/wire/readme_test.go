package wire

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func readme(t *testing.T) string {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table is the rows of the table of README.md whose head begins so, cells trimmed.
func table(t *testing.T, head string) (rows [][]string) {
	_, rest, ok := strings.Cut(readme(t), "\n"+head)
	if !ok {
		t.Fatalf("README.md has no table %q", head)
	}
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		rows = append(rows, row)
	}
	return rows
}

// constants are the values of the string constants of headers.go whose names
// begin with the prefix.
func constants(t *testing.T, prefix string) (values []string) {
	file, err := parser.ParseFile(token.NewFileSet(), "headers.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, prefix) {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return true
	})
	return values
}

func TestReadmeTopics(t *testing.T) {
	var want [][]string
	for _, topic := range Topics(DefaultPartitions) {
		cleanup := fmt.Sprintf("delete after %d d", topic.Retention/(24*time.Hour))
		if topic.Compact {
			cleanup = "compact"
		}
		want = append(want, []string{topic.Name, strconv.Itoa(int(topic.Partitions)), cleanup, topic.Carries})
	}
	if got := table(t, "| topic | partitions |"); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("README.md\n%q\nTopics\n%q", got, want)
	}
	if !strings.Contains(readme(t), "`"+TopicName("<cell>", "<topic>")+"`") {
		t.Error("README.md names topics otherwise than TopicName")
	}
}

func TestReadmeHeaders(t *testing.T) {
	for head, prefix := range map[string]string{
		"| header | meaning |": "Header", "| kind | value |": "Kind", "| reason | |": "Reason",
	} {
		var got []string
		for _, row := range table(t, head) {
			for _, name := range strings.Split(row[0], ",") {
				got = append(got, strings.Trim(name, " `"))
			}
		}
		want := constants(t, prefix)
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("README.md, %s: %q\nheaders.go: %q", head, got, want)
		}
	}
}

func TestReadmeFields(t *testing.T) {
	rows := table(t, "| no | field |")
	if len(rows) != len(schema) {
		t.Fatalf("%d fields in README.md, %d in the schema", len(rows), len(schema))
	}
	for i, s := range schema {
		typ := strings.TrimSpace(s.label + " " + s.typ)
		if want := []string{strconv.Itoa(int(s.number)), s.name, typ}; !slices.Equal(rows[i][:3], want) {
			t.Errorf("README.md has %q, the schema %q", rows[i][:3], want)
		}
	}
}

// TestReadmeBytes: the bytes that are explained are those of the vector.
func TestReadmeBytes(t *testing.T) {
	_, block, ok := strings.Cut(readme(t), "```\n10 01")
	if !ok {
		t.Fatal("README.md explains no bytes")
	}
	block, _, _ = strings.Cut("10 01"+block, "```")
	var text strings.Builder
	for _, line := range strings.Split(block, "\n") {
		text.WriteString(strings.ReplaceAll(regexp.MustCompile(`^([0-9a-f]{2} ?)*`).FindString(line), " ", ""))
	}
	if want := hex.EncodeToString(minimal().Append(nil)); text.String() != want {
		t.Errorf("README.md explains %s\nthe vector is      %s", text.String(), want)
	}
}

// TestReadmeTemplate: the constant bytes of the C header are those of the vector
// wherever the code does not overwrite them, and the places add up.
func TestReadmeTemplate(t *testing.T) {
	_, code, _ := strings.Cut(readme(t), "head[HEAD] = {")
	code, _, _ = strings.Cut(code, "};")
	var head []byte
	for _, v := range regexp.MustCompile(`(?s)/\*.*?\*/|0x[0-9a-f]+|\d+`).FindAllString(code, -1) {
		if !strings.HasPrefix(v, "/*") {
			b, err := strconv.ParseUint(v, 0, 8)
			if err != nil {
				t.Fatal(err)
			}
			head = append(head, byte(b))
		}
	}
	places := map[string]int{}
	for _, m := range regexp.MustCompile(`([A-Z0]+) = (\d+)[,} ]`).FindAllStringSubmatch(readme(t), -1) {
		places[m[1]], _ = strconv.Atoi(m[2])
	}
	if len(head) != places["HEAD"] {
		t.Fatalf("%d bytes, HEAD is %d", len(head), places["HEAD"])
	}
	want := template()
	for place, width := range map[string]int{"PREV": 5, "BOOT": 5, "SEQ": 5, "OLDEST": 5, "T0": 8, "N": 3, "LEN": 3} {
		at, ok := places[place]
		if !ok {
			t.Fatalf("no place %s", place)
		}
		copy(head[at:at+width], want[at:at+width])
	}
	if string(head) != string(want[:len(head)]) {
		t.Errorf("README.md writes %x\nthe vector is    %x", head, want[:len(head)])
	}
}

// TestReadmeLimits: numbers that the page repeats.
func TestReadmeLimits(t *testing.T) {
	text := readme(t)
	for _, n := range []int{MaxPayload, MaxSamples, MaxReadings, MaxRateMHz, MaxLSBPerG} {
		s := strconv.Itoa(n)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		if !strings.Contains(text, s) {
			t.Errorf("README.md does not say %s", s)
		}
	}
}

// TestReadmeJSON: the batch in JSON that the page shows is one.
func TestReadmeJSON(t *testing.T) {
	_, text, ok := strings.Cut(readme(t), "```json\n{\"sensor\"")
	text, _, _ = strings.Cut(`{"sensor"`+text, "```")
	b, err := DecodeJSON([]byte(text))
	if !ok || err != nil || b.N != 2 || len(b.TempMdegC) != 1 {
		t.Errorf("%s: %+v, %v", text, b, err)
	}
}
