package engine

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestScratch(t *testing.T) {
	p, err := Config{}.library()
	if err != nil {
		t.Fatal(err)
	}
	l, err := load(p)
	if err != nil {
		t.Fatal(err)
	}
	l.setSignalHandlersEnabled(0)
	null, _ := os.Open("/dev/null")
	_ = null
	dir := os.Getenv("SCRATCH")
	args := []string{"clickhouse", "--path=" + dir}
	args = append(args, strings.Fields(os.Getenv("ARGS"))...)
	s, err := l.open(args)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := os.Open(os.Getenv("SQL"))
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		q := sc.Text()
		if strings.TrimSpace(q) == "" {
			continue
		}
		if q == "reopen" {
			s.close()
			s, err = l.open(args)
			fmt.Println("reopened", err)
			continue
		}
		if r, ok := strings.CutPrefix(q, "stream "); ok {
			st, err := s.stream(r, "TSV", nil)
			fmt.Println(">>", q, err)
			for n := 0; err == nil && n < 5; n++ {
				var b []byte
				b, _, err = st.next()
				if len(b) > 200 {
					b = append(b[:100:100], b[len(b)-50:]...)
				}
				fmt.Printf("%q %v\n", b, err)
				if len(b) == 0 {
					break
				}
			}
			continue
		}
		if r, ok := strings.CutPrefix(q, "insert "); ok {
			a := strings.SplitN(r, "|", 3)
			in, err := s.insert(a[0], a[1], []param{{"x", "77"}})
			fmt.Println(">>", q, err)
			if err == nil {
				_, err = in.Write([]byte(strings.ReplaceAll(a[2], `\n`, "\n")))
				fmt.Println("  write", err)
				sum, err := in.commit()
				fmt.Println("  commit", sum, err)
			}
			continue
		}
		b, sum, err := s.run(q, "TSV")
		fmt.Printf(">> %s\n%s%v %v\n", q, b, sum, err)
	}
	s.close()
}
