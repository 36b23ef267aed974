package replay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wearstream/wearstream/stream/recording"
	"github.com/wearstream/wearstream/stream/wire"
)

// Device is one thing of a run: what it plays, one recording after the other.
type Device struct {
	Thing  string
	Sensor string // "<thing>" or "<thing>/<name>"
	Files  []string
}

// Plan says which devices a run has and what each of them plays; it touches no
// file. Without --devices every name is one device, and files of the same name
// are its recordings, in the order given. With --devices N the files are cycled
// over N devices (and devices over the files, where there are more of these):
// the first of a name keeps it, the k-th is NAME-%04d.
func Plan(cfg Config, files []string) ([]Device, error) {
	if len(files) == 0 {
		return nil, errors.New("no recording: name at least one file")
	}
	p := planner{cfg: cfg, byThing: map[string]int{}}
	if cfg.Devices == 0 {
		for _, f := range files {
			p.add(p.name(f), f)
		}
		return p.done()
	}
	of := make(map[string]int)
	for i := range cfg.Devices {
		f := files[i%len(files)]
		thing := p.name(f)
		of[thing]++
		if k := of[thing]; k > 1 {
			thing = fmt.Sprintf("%s-%04d", thing, k)
		}
		p.add(thing, f)
	}
	for i := cfg.Devices; i < len(files); i++ {
		d := p.devices[i%cfg.Devices]
		p.add(d.Thing, files[i])
	}
	return p.done()
}

type planner struct {
	cfg     Config
	devices []Device
	byThing map[string]int
	errs    []error
}

func (p *planner) name(file string) string {
	if p.cfg.Thing != "" {
		return p.cfg.Thing
	}
	return recording.Name(file)
}

func (p *planner) add(thing, file string) {
	i, found := p.byThing[thing]
	if !found {
		i = len(p.devices)
		p.byThing[thing] = i
		p.devices = append(p.devices, Device{Thing: thing, Sensor: p.sensor(thing)})
		if !wire.ValidName(thing) {
			p.errs = append(p.errs, fmt.Errorf("--thing: %q (of %s) is no name of a thing, which is 1 to %d of A-Z a-z 0-9 . _ : -", thing, file, wire.MaxName))
		}
	}
	p.devices[i].Files = append(p.devices[i].Files, file)
}

func (p *planner) sensor(thing string) string {
	s := p.cfg.Sensor
	switch {
	case s == "" || s == thing:
		return thing
	case !strings.Contains(s, "/"):
		s = thing + "/" + s
	}
	if !wire.ValidSensor(s) || !wire.MayPublish(thing, s) {
		p.errs = append(p.errs, fmt.Errorf("--sensor: %q is not a sensor of %s: give NAME or %s/NAME", p.cfg.Sensor, thing, thing))
	}
	return s
}

func (p *planner) done() ([]Device, error) {
	if p.cfg.MQTT != "" && len(p.devices) > 1 {
		p.errs = append(p.errs, fmt.Errorf("--cert: one certificate is one device, but this run has %d: give --thing, or --data, which issues a certificate to each", len(p.devices)))
	}
	return p.devices, errors.Join(p.errs...)
}
