package recording

import (
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
		src, err := findIn("a.bin", memory("a.bin", []byte(c.text)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := scan("a.bin", src, Options{})
		if err != nil {
			t.Fatal(err)
		}
		end := ""
		if r.Damage.End != nil {
			end = r.Damage.End.Error()
		}
		if r.Samples != c.samples || r.Damage.Where != c.where || end != c.end {
			t.Errorf("%s: %d samples, damage %+v", c.name, r.Samples, r.Damage)
		}
		if r.Device != (Device{"GENEActiv 1.1", "000123", "left"}) || r.RangeMG != 8000 || r.BatteryMV[1] != 4100 {
			t.Errorf("%s: opened as %+v", c.name, r)
		}
		s := samples(t, src)[1]
		at := time.Date(2024, 3, 1, 3, 29, 54, 510_000_000, time.UTC)
		if !strings.Contains(c.where, "0") && s.t != at.UnixNano() || s.x != 8_188_000 || s.y != -8_196_000 || s.z != 10_000 {
			t.Errorf("%s: sample 1 is %+v", c.name, s)
		}
		valid(t, r)
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
