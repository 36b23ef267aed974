package wear

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Params are the thresholds of all algorithms: micro-g, milli-degrees, minutes.
type Params struct {
	CTA            CTA
	AccelThreshold Block
	GGIR2013       Block
	GGIR2023       Block
	DETACH         DETACH
	Choi           Choi
	Actipy         Actipy
}

// Default are the thresholds of the papers and of the references.
var Default = Params{
	CTA:            CTA{SD: 3_000, Warm: 26_000},
	AccelThreshold: Block{SD: 13_000, Range: 67_000},
	GGIR2013:       Block{SD: 13_000, Range: 150_000},
	GGIR2023:       Block{SD: 13_000, Range: 150_000},
	DETACH:         DETACH{SD: 8_000, Low: 26_000, High: 30_000, Fall: 200, Rise: 100},
	Choi:           Choi{Zeros: 90, Interruption: 2, Around: 30},
	Actipy:         Actipy{SD: 15_000, Minutes: 90},
}

// models are the devices whose noise or steps ask for other thresholds.
var models = map[string]func(*Params){
	// A step of the E4 is 1/64 g: a resting axis that flickers between two has 8 mg.
	"E4": func(p *Params) { p.CTA.SD = 13_000 },
	// GGIR, get_nw_clip_block_params.R.
	"GENEA":     func(p *Params) { p.blocks(3_000, 50_000) },
	"Verisense": func(p *Params) { p.blocks(13_000, 200_000) },
}

func (p *Params) blocks(sd, width int64) {
	p.GGIR2013 = Block{sd, width}
	p.GGIR2023 = p.GGIR2013
}

// ForModel are the thresholds for a device model, which is one of the words of its
// name ("Empatica E4"); Default for one that needs no others.
func ForModel(name string) Params {
	p := Default
	for word := range strings.FieldsSeq(name) {
		if change := models[word]; change != nil {
			change(&p)
		}
	}
	return p
}

// Noisy are the thresholds of GGIR for a device of which only the noise on a
// bench, a standard deviation in micro-g, is known: 1.2 times that.
func (p Params) Noisy(noise int64) Params {
	p.GGIR2013.SD = noise * 6 / 5
	p.GGIR2023.SD = p.GGIR2013.SD
	return p
}

// DefaultOrder is the order of precedence of a study that does not say another.
var DefaultOrder = []string{"device", "detach", "ggir2023", "actipy"}

// Config is what a study chose.
type Config struct {
	// Order names algorithms, the one that decides first in front: one that cannot
	// say leaves a minute to the next. One name alone gives that algorithm.
	Order  []string
	Params Params
	// Origin is where minutes and blocks are counted from, ns since 1970: 0, or a
	// recording's first sample to compare with references.
	Origin int64
	// FinalOnly leaves out what is provisional, which costs most of the time: for
	// recordings that have ended.
	FinalOnly bool
	// Clean says that the minutes of a whole recording go through Cleaned, for which
	// Order names one algorithm that has rules about islands of wear.
	Clean bool
}

// version changes with any change of a verdict.
const version = "1.1.0"

// Algo names the algorithms and their exact definition: name@version+digest, the
// digest being 8 hex digits of SHA-256 over the canonical JSON of the order and
// of the parameters that it uses.
func (c *Config) Algo() string {
	used := make(map[string]any)
	for _, name := range c.Order {
		if a, known := algorithms[name]; known && a.params != nil {
			used[name] = a.params(&c.Params)
		}
	}
	definition := map[string]any{"order": c.Order, "parameters": used}
	if c.Clean {
		definition["clean"] = true
	}
	canonical, err := json.Marshal(definition) // sorts keys
	if err != nil {
		panic(fmt.Sprintf("parameters of wear: %v", err)) // integers and names: cannot be
	}
	name := "wear.v1"
	if len(c.Order) == 1 {
		name = c.Order[0]
	}
	if c.Clean {
		name += "-clean"
	}
	sum := sha256.Sum256(canonical)
	return fmt.Sprintf("%s@%s+%x", name, version, sum[:4])
}

func (c *Config) validate() error {
	if len(c.Order) == 0 {
		return fmt.Errorf("wear needs an algorithm: %s", strings.Join(Algorithms(), ", "))
	}
	for i, name := range c.Order {
		a, known := algorithms[name]
		switch {
		case !known:
			return fmt.Errorf("unknown algorithm %q of wear: one of %s", name, strings.Join(Algorithms(), ", "))
		case slices.Contains(c.Order[:i], name):
			return fmt.Errorf("algorithm %q of wear is named twice", name)
		}
		if c.Clean && (a.clean == nil || len(c.Order) > 1) {
			return fmt.Errorf("rules about islands of wear are those of one algorithm: accelthreshold, ggir2013 or ggir2023 alone, not %s", strings.Join(c.Order, ", "))
		}
		if lag := a.make(&c.Params).lag(); lag < 0 || lag >= ring {
			return fmt.Errorf("algorithm %q of wear looks %d minutes ahead, at most %d can be", name, lag, ring-1)
		}
	}
	return nil
}
