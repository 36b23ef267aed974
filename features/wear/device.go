package wear

// device is what the device itself says of the minute: skin contact, capacitive
// sensing, its own algorithm.
type device struct{ reported State }

func (*device) before() int64 { return 0 }
func (*device) lag() int64    { return 0 }

func (d *device) push(_ int64, p *Partial) {
	d.reported = Unknown
	if p != nil && (p.Reported == Wear || p.Reported == NonWear) {
		d.reported = p.Reported
	}
}

func (d *device) final() State       { return d.reported }
func (d *device) provisional() State { return d.reported }
