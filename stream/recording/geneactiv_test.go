package recording

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// gene is the header of a .bin file.
const gene = "Device Identity\r\nDevice Unique Serial Code:000123\r\nDevice Model:1.1\r\n\r\nAccelerometer Range:-8 to 8 \r\nMeasurement Frequency:100 Hz\r\n" +
	"Time Zone:GMT -03:30\r\nDevice Location Code:left wrist\r\nx gain:25000\r\nx offset:0\r\ny gain:25000\r\ny offset:100\r\nz gain:20000\r\nz offset:-100\r\nNumber of Pages:3\r\n\r\n"

func genePages(data ...string) string {
	var s strings.Builder
	s.WriteString(gene)
	for i, d := range data {
		at := time.Date(2024, 2, 29, 23, 59, 54, 0, time.UTC).Add(time.Duration(i) * 3 * time.Second)
		s.WriteString("Recorded Data\r\nPage Time:" + at.Format("2006-01-02 15:04:05") + ":500\r\nTemperature:-0.5\r\nBattery voltage:4.1\r\nMeasurement Frequency:100.0\r\n" + d + "\r\n")
	}
	return s.String()
}

func TestGENEActivPages(t *testing.T) {
	page := strings.Repeat("7ff80000103c", 300) // 2047, -2048, 1
	for _, c := range []struct {
		name, text, where, end string
		samples                int64
	}{
		{"whole", genePages(page, page, page), "", "", 900},
		{"one page fewer than told", genePages(page, page), "", "a.bin: ends after 2 of 3 pages", 600},
		{"a digit is none", genePages(page, "x"+page[1:], page), "a.bin pages 1", "", 600},
		{"a page is short", genePages(page, page[:1200], page), "a.bin pages 1", "", 600},
		{"no samples", strings.Replace(genePages(page, page, page), page+"\r\nR", "R", 1), "a.bin pages 0", "", 600},
		{"no time", strings.Replace(genePages(page, page, page), "23:59:57", "24:59:57", 1), "a.bin pages 1", "", 600},
		{"cut", genePages(page, page, page)[:len(genePages(page, page, page))-1210], "", "a.bin: cut off within page 2 of 3", 799},
	} {
		r, err := readBin(c.text)
		if err != nil {
			t.Fatal(err)
		}
		end := ending(r)
		if r.Samples != c.samples || r.Damage.Where != c.where || end != c.end {
			t.Errorf("%s: %d samples, damage %+v", c.name, r.Samples, r.Damage)
		}
		if r.Device != (Device{"GENEActiv 1.1", "000123", "left"}) || r.RangeMG != 8000 || r.BatteryMV[1] != 4100 {
			t.Errorf("%s: opened as %+v", c.name, r)
		}
		s := samples(t, r.src)[1]
		at := time.Date(2024, 3, 1, 3, 29, 54, 510_000_000, time.UTC)
		if !strings.Contains(c.where, "0") && s.t != at.UnixNano() || s.x != 8_188_000 || s.y != -8_196_000 || s.z != 10_000 {
			t.Errorf("%s: sample 1 is %+v", c.name, s)
		}
		valid(t, r)
	}
}

// geneNumbered is genePages with the number that devices give each page.
func geneNumbered(n int) []string {
	page := strings.Repeat("7ff80000103c", 300)
	text := genePages(slices.Repeat([]string{page}, n)...)
	pages := strings.SplitAfter(strings.Replace(text, "Pages:3", fmt.Sprint("Pages:", n), 1), page+"\r\n")[:n]
	for i, p := range pages {
		pages[i] = strings.Replace(p, "Recorded Data\r\n", fmt.Sprintf("Recorded Data\r\nSequence Number:%d\r\n", i), 1)
	}
	return pages
}

// TestGENEActivMissing: pages that are not found are told with their places.
func TestGENEActivMissing(t *testing.T) {
	damage := func(p *string) { *p = strings.Replace(*p, "Recorded Data", "RecordedXData", 1) }
	none := func(p *string) { *p = "" }
	for _, c := range []struct {
		name       string
		change     func(p []string)
		samples    int64
		where, end string
	}{
		{"whole", func([]string) {}, 1800, "", ""},
		{"the beginning of a page", func(p []string) { damage(&p[2]) }, 1500, "a.bin pages 2", ""},
		{"of two pages", func(p []string) { damage(&p[2]); damage(&p[3]) }, 1200, "a.bin pages 2-3", ""},
		{"of the last page", func(p []string) { damage(&p[5]) }, 1500, "a.bin pages 5", ""},
		{"of the last page, number of pages unknown", func(p []string) {
			damage(&p[5])
			p[0] = strings.Replace(p[0], "Pages:6", "Pages:0", 1)
		}, 1500, "a.bin pages 5", ""},
		{"of a page, number of pages unknown", func(p []string) {
			damage(&p[1])
			p[0] = strings.Replace(p[0], "Pages:6", "Pages:0", 1)
		}, 1500, "a.bin pages 1", ""},
		{"pages are missing", func(p []string) { none(&p[1]); none(&p[2]); none(&p[4]) }, 900, "a.bin pages 1-2, 4", ""},
		{"the last is missing", func(p []string) { none(&p[5]) }, 1500, "", "a.bin: ends after 5 of 6 pages"},
		{"without numbers", func(p []string) {
			for i := range p {
				p[i] = strings.Replace(p[i], "Sequence", "Frequence", 1)
			}
			damage(&p[2])
		}, 1500, "a.bin pages 2", ""},
		{"bytes between pages", func(p []string) { p[2] += "\x01\x02\x03\r\n" }, 1800, "a.bin lines 38", ""},
		{"bytes after the last page", func(p []string) { p[5] += "\x01\x02\x03\r\n\x04" }, 1800, "a.bin lines 59", ""},
		{"a number beyond", func(p []string) { p[2] = strings.Replace(p[2], "Number:2", "Number:99999999999", 1) }, 1800, "", ""},
		{"a page in two", func(p []string) { p[2] = p[2][:1000] + "\n" + p[2][1001:] }, 1500, "a.bin pages 2", ""},
	} {
		pages := geneNumbered(6)
		c.change(pages)
		r, err := readBin(strings.Join(pages, ""))
		if err != nil {
			t.Fatal(err)
		}
		end := ending(r)
		if r.Samples != c.samples || r.Damage.Where != c.where || end != c.end {
			t.Errorf("%s: %d samples, damage %+v", c.name, r.Samples, r.Damage)
		}
		valid(t, r)
	}
}

// ending is what is told of a file's end.
func ending(r *Recording) string {
	if r.Damage.End == nil {
		return ""
	}
	return r.Damage.End.Error()
}

func readBin(text string) (*Recording, error) {
	src, err := findIn("a.bin", memory("a.bin", []byte(text)))
	if err != nil {
		return nil, err
	}
	return scan("a.bin", src, Options{})
}

// TestGENEActivComma: numbers of a header with a comma for their point, and pages
// without a temperature.
func TestGENEActivComma(t *testing.T) {
	whole := strings.Join(geneNumbered(3), "")
	for _, c := range []struct {
		name, temps string
		text        string
	}{
		{"points", "[-500 -500 -500]", whole},
		{"commas", "[23100 23100 23100]", strings.NewReplacer("Temperature:-0.5", "Temperature:23,1", "voltage:4.1", "voltage:4,1", "100.0", "100,0", ":100 Hz", ":100,0 Hz").Replace(whole)},
		{"blank", "[-500 -500]", strings.Replace(whole, "Temperature:-0.5", "Temperature:", 1)},
		{"no number", "[-500 -500]", strings.Replace(whole, "Temperature:-0.5", "Temperature:x", 1)},
		{"too hot", "[-500 -500]", strings.Replace(whole, "Temperature:-0.5", "Temperature:5000", 1)},
		{"no such line", "[-500 -500]", strings.Replace(whole, "Temperature:-0.5\r\n", "", 1)},
	} {
		r, err := readBin(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if u := unpack(t, r); r.Samples != 900 || r.RateMHz != 100_000 || r.BatteryMV[1] != 4100 || r.Damage != (Damage{}) || fmt.Sprint(u.temp) != c.temps {
			t.Errorf("%s: opened as %+v, readings %v", c.name, r, u.temp)
		}
		valid(t, r)
	}

	text := "Device Type,GENEActiv\nMeasurement Frequency,85,7 Hz\nTime Zone,GMT +01\nRange,-8 to 8\n" + strings.Repeat(",\n", geneCSVHead-4) +
		"2011-10-09 10:25:02:500,-0.421,-0.6751,0.305,48,0,24.5\n"
	if r := open(t, write(t, "a.csv", text), Options{}); r.RateMHz != 85_700 || r.RangeMG != 8000 {
		t.Errorf("the CSV export: opened as %+v", r)
	}

	long := strings.Replace(whole, "Device Model:1.1", "Device Model:"+strings.Repeat("x", maxLine), 1)
	if _, err := readBin(long); err == nil || !strings.Contains(err.Error(), "header with a line of more than") {
		t.Errorf("a long line in the header: %v", err)
	}
}

func TestStamp(t *testing.T) {
	for _, text := range []string{"1970-01-01 00:00:00:000", "2000-02-29 12:34:56:789", "2100-03-01 23:59:59:999", "2024-12-31 00:00:00:001"} {
		want, err := time.Parse("2006-01-02 15:04:05.000", text[:19]+"."+text[20:])
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := stamp([]byte(text)); !ok || got != want.UnixNano() {
			t.Errorf("%s is %d, want %d", text, got, want.UnixNano())
		}
	}
	for _, text := range []string{"", "2024-13-01 00:00:00:000", "2024-01-01 00:60:00:000", "2024-01-01T00:00:00:000", "2024-01-01 00:00:00:0", "1969-12-31 00:00:00:000"} {
		if _, ok := stamp([]byte(text)); ok {
			t.Errorf("%s is a time", text)
		}
	}
}

func TestZone(t *testing.T) {
	for text, want := range map[string]time.Duration{"GMT": 0, "GMT +01": time.Hour, "GMT -03:30": -210 * time.Minute, "GMT +00:00": 0, "GMT +14:00": 14 * time.Hour} {
		if got, ok := gmt(text); !ok || got != int64(want) {
			t.Errorf("%s is %d", text, got)
		}
	}
	for _, text := range []string{"", "CET", "GMT 1", "GMT +", "GMT +15", "GMT +1:61", "GMT +-1"} {
		if got, ok := gmt(text); ok {
			t.Errorf("%s is %d", text, got)
		}
	}
}

func FuzzGENEActiv(f *testing.F) {
	f.Add([]byte(genePages(strings.Repeat("7ff80000103c", 300), strings.Repeat("000fff7ff000", 300))))
	for _, name := range []string{"geneactiv-skdh-sample", "geneactiv-ggirread-testfile"} {
		if b := seed("device-samples/" + name + ".bin"); len(b) > 0 {
			f.Add(b[:7000])
			f.Add(b[:10_000])
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) { whatever(t, "a.bin", file) })
}

func FuzzGENEActivCSV(f *testing.F) {
	head := "Device Type,GENEActiv\nMeasurement Frequency,100 Hz\nTime Zone,GMT +01\nRange,-8 to 8 \n" + strings.Repeat(",\n", geneCSVHead-4)
	f.Add([]byte("2011-10-09 10:25:02:500,-0.421,-0.6751,0.305,48,0,24.5\r\n2011-10-09 10:25:02:510,-0.3552,-0.7253,0.309,48,0,24.5\n"))
	f.Add([]byte("2011-10-09 10:25:02:500,1e-1,.5,+3.,48,,\n1970-01-01 00:00:00:000,1,1,1,1,1,1\n2011-10-09 10:25:02:510,-0.3552,-0.7253,0.309,48"))
	f.Fuzz(func(t *testing.T, rows []byte) { whatever(t, "a.csv", append([]byte(head), rows...)) })
}
