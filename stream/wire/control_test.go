package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestTickIsClamped(t *testing.T) {
	appended := time.UnixMicro(t0)
	for _, c := range []struct{ ahead, want time.Duration }{
		{0, 0},
		{5 * time.Second, 5 * time.Second},
		{-TickClamp, -TickClamp},
		{TickClamp, TickClamp},
		{TickClamp + 1000, TickClamp},
		{-TickClamp - 1000, -TickClamp},
		{150 * 365 * 24 * time.Hour, TickClamp},
	} {
		tick := Tick{UTC: appended.Add(c.ahead).UnixMicro()}
		if got := tick.Time(appended).Sub(appended); got != c.want {
			t.Errorf("a tick %s ahead counts as %s, want %s", c.ahead, got, c.want)
		}
	}
	if b, _ := json.Marshal(Tick{UTC: 17}); string(b) != `{"utc_us":17}` {
		t.Errorf("%s", b)
	}
}

func TestDecodeStatus(t *testing.T) {
	twelve, eighty, no := uint64(12), uint32(80), false
	for text, want := range map[string]*Status{
		`{"kind":"end","boot":1,"last_seq":12,"battery_pct":80,"charging":false,"at_us":1760000000000000}`: {
			Kind: StatusEnd, Boot: 1, LastSeq: &twelve, BatteryPct: &eighty, Charging: &no, AtUS: t0},
		`{"kind":"end","boot":2}`:                              {Kind: StatusEnd, Boot: 2},
		`{"kind":"online","sensor":"hub/left","firmware":"9"}`: {Kind: "online", Sensor: "hub/left"},
		`{"boot":1}`:                nil,
		`{"kind":""}`:               nil,
		`{"kind":"end","boot":-1}`:  nil,
		`{"kind":"end","boot":1.5}`: nil,
		`{"kind":"end","boot":1}x`:  nil,
		`["end"]`:                   nil,
		``:                          nil,
		`{"kind":"end","boot":"one`: nil,
	} {
		s, err := DecodeStatus([]byte(text))
		if want == nil {
			if err == nil {
				t.Errorf("%s is %+v", text, s)
			}
		} else if err != nil || !reflect.DeepEqual(s, *want) {
			t.Errorf("%s is %+v, %v", text, s, err)
		}
	}
}

func FuzzDecodeStatus(f *testing.F) {
	f.Add([]byte(`{"kind":"end","boot":1,"last_seq":12,"battery_pct":80,"charging":false,"at_us":1760000000000000}`))
	f.Add([]byte(`{"kind":"battery","battery_pct":101,"other":{"a":[1]}}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		s, err := DecodeStatus(p)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeStatus(again); err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%s became %s: %+v, %v", p, again, back, err)
		}
	})
}

func TestDecodeAssignment(t *testing.T) {
	whole := Assignment{Sensor: "hub-7/left", Study: "ST01", Participant: "P-0042", Side: "left",
		From: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), To: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := DecodeAssignment(text); err != nil || !reflect.DeepEqual(a, whole) {
		t.Errorf("%+v, %v", a, err)
	}
	if text, err = json.Marshal(Assignment{Sensor: "s", Study: "S", Participant: "P", Side: "none"}); err != nil || string(text) != `{"sensor":"s","study":"S","participant":"P","side":"none"}` {
		t.Errorf("an open assignment is %s, %v", text, err)
	}
	for fault, spoil := range map[string]func(*Assignment){
		"":               func(*Assignment) {},
		"open":           func(a *Assignment) { a.From, a.To = time.Time{}, time.Time{} },
		"open start":     func(a *Assignment) { a.From = time.Time{} },
		"!sensor":        func(a *Assignment) { a.Sensor = "a/b/c" },
		"!study":         func(a *Assignment) { a.Study = "" },
		"!participant":   func(a *Assignment) { a.Participant = "P 42" },
		"!side":          func(a *Assignment) { a.Side = "Left" },
		"!empty":         func(a *Assignment) { a.To = a.From },
		"!wrong way":     func(a *Assignment) { a.From, a.To = a.To, a.From },
		"!no side given": func(a *Assignment) { a.Side = "" },
	} {
		a := whole
		spoil(&a)
		text, _ := json.Marshal(a)
		if _, err := DecodeAssignment(text); (err != nil) != (fault != "" && fault[0] == '!') {
			t.Errorf("%q: %v", fault, err)
		}
	}
}

func FuzzDecodeAssignment(f *testing.F) {
	f.Add([]byte(`{"sensor":"hub-7/left","study":"ST01","participant":"P-0042","side":"left","from":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		a, err := DecodeAssignment(p)
		if err != nil {
			return
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := DecodeAssignment(again)
		if err != nil || !b.From.Equal(a.From) || !b.To.Equal(a.To) || b.Sensor != a.Sensor || b.Side != a.Side {
			t.Fatalf("%s became %s: %+v, %v", p, again, b, err)
		}
	})
}

func TestDecodeEvent(t *testing.T) {
	for text, want := range map[string]*Event{
		`{"kind":"diary","at_us":1760000000000000,"value":"slept badly","mood":[1]}`: {"diary", Some[int64](t0), "slept badly"},
		`{"kind":"dose","value": {"mg": 5.0} , "at_us": 1.76e15}`:                    {"dose", Some[int64](t0), `{"mg": 5.0}`},
		`{"kind":"button","value":3}`:                                                {"button", Optional[int64]{}, "3"},
		`{"kind":"button","value":null}`:                                             {"button", Optional[int64]{}, ""},
		`{"kind":7,"at_us":"noon","value":false}`:                                    {"", Optional[int64]{}, "false"},
		`{"at_us":1e30}`: {},
		` {}`:            {},
		`null`:           nil,
		`[]`:             nil,
		`{"kind":`:       nil,
		``:               nil,
	} {
		e, err := DecodeEvent([]byte(text))
		if want == nil {
			if err == nil {
				t.Errorf("%s is %+v", text, e)
			}
		} else if err != nil || e != *want {
			t.Errorf("%s is %+v, %v", text, e, err)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"kind":"dose","at_us":1760000000000000,"value":{"mg":5}}`))
	f.Add([]byte(`{"kind":7,"at_us":-1e5,"value":"\ud800"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, err := DecodeEvent(p)
		// What the gateway takes is read later too: any object.
		if object := json.Valid(p) && bytes.TrimLeft(p, " \t\r\n")[0] == '{'; object != (err == nil) {
			t.Fatalf("%q: %v", p, err)
		}
	})
}
