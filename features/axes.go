package features

// perG is how many micro-g make one g.
const perG = 1_000_000

// axis are mean, standard deviation (n-1), least, greatest and range of the
// acceleration along one axis.
func axis(id string, of func(*Epoch) *moments) []Feature {
	f := func(name, doc string, value func(*moments, int64) float64) Feature {
		return Feature{
			ID: id + "_" + name, Unit: "g", Windows: Lengths,
			Doc:   doc + " acceleration along " + id,
			Value: func(w *Window) float64 { return value(of(&w.Epoch), perG) },
		}
	}
	return []Feature{
		f("mean", "mean", (*moments).mean),
		f("sd", "standard deviation (n-1) of the", (*moments).sd),
		f("min", "least", (*moments).min),
		f("max", "greatest", (*moments).max),
		f("range", "greatest minus least", (*moments).width),
	}
}

var (
	xAxis = axis("x", func(e *Epoch) *moments { return &e.x })
	yAxis = axis("y", func(e *Epoch) *moments { return &e.y })
	zAxis = axis("z", func(e *Epoch) *moments { return &e.z })
)
