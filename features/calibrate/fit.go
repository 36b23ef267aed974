package calibrate

import "math"

// correction is how measurements become accelerations, axis by axis:
//
//	a = (y + Offset) Scale + (T - MeanTemp) TempScale
type correction struct {
	offset, scale, tempScale [3]float64
}

func (c *correction) apply(axis int, y, warmer float64) float64 {
	return float64((y+c.offset[axis])*c.scale[axis]) + float64(warmer*c.tempScale[axis])
}

func norm(v [3]float64) float64 {
	return math.Sqrt(float64(v[0]*v[0]) + float64(v[1]*v[1]) + float64(v[2]*v[2]))
}

// fit moves the epochs to the nearest points of the unit sphere, again and again:
// axis by axis a weighted regression of the nearest points on the corrected means
// and the temperature, whose intercept and slopes change the correction. Weights are
// the inverse of the distance that remains. warmer is the temperature of each epoch
// above their mean; nil leaves it out. The residual counts the intercept.
// It says how many iterations it took, and false if it came to no end.
func fit(epochs []Still, warmer []float64, p *Parameters) (c correction, iterations int, ok bool) {
	c.scale = [3]float64{1, 1, 1}
	weights := make([]float64, len(epochs))
	current, nearest := make([][3]float64, len(epochs)), make([][3]float64, len(epochs))
	for i := range weights {
		weights[i] = 1
	}
	above := func(i int) float64 {
		if warmer == nil {
			return 0
		}
		return warmer[i]
	}
	before := math.Inf(1)
	for iterations = 1; iterations <= p.Iterations; iterations++ {
		for i := range epochs {
			for k := range 3 {
				current[i][k] = c.apply(k, epochs[i].Mean[k], above(i))
			}
			size := norm(current[i])
			for k := range 3 {
				nearest[i][k] = current[i][k] / size
			}
		}
		for k := range 3 {
			r := regress(current, nearest, warmer, weights, k)
			for i := range current {
				current[i][k] = r.intercept + float64(r.slope*current[i][k]) + float64(r.perDegree*above(i))
			}
			c.offset[k] += r.intercept / float64(c.scale[k]*r.slope)
			c.tempScale[k] = float64(c.tempScale[k]*r.slope) + r.perDegree
			c.scale[k] = float64(c.scale[k] * r.slope)
		}
		var sum, weight float64
		for i := range current {
			var e [3]float64
			for k := range 3 {
				e[k] = current[i][k] - nearest[i][k]
				sum += float64(weights[i] * float64(e[k]*e[k]))
			}
			weight += weights[i]
			weights[i] = min(1/norm(e), p.MaxWeight)
		}
		residual := sum / float64(weight*float64(len(epochs)))
		switch change := math.Abs(residual - before); {
		case residual != residual:
			return c, iterations, false
		case change < p.Tolerance:
			return c, iterations, true
		}
		before = residual
	}
	return c, p.Iterations, true
}

type regression struct{ intercept, slope, perDegree float64 }

// regress is the weighted least squares of y on x, and on t unless it is nil: the
// normal equations about the weighted means.
func regress(xs, ys [][3]float64, ts, weights []float64, axis int) regression {
	var w, meanX, meanY, meanT float64
	for i := range xs {
		w += weights[i]
		meanX += float64(weights[i] * xs[i][axis])
		meanY += float64(weights[i] * ys[i][axis])
		if ts != nil {
			meanT += float64(weights[i] * ts[i])
		}
	}
	meanX, meanY, meanT = meanX/w, meanY/w, meanT/w
	var xx, xy, xt, tt, ty float64
	for i := range xs {
		x, y := xs[i][axis]-meanX, ys[i][axis]-meanY
		wx := float64(weights[i] * x)
		xx += float64(wx * x)
		xy += float64(wx * y)
		if ts != nil {
			t := ts[i] - meanT
			wt := float64(weights[i] * t)
			xt += float64(wt * x)
			tt += float64(wt * t)
			ty += float64(wt * y)
		}
	}
	var r regression
	if ts == nil {
		r.slope = xy / xx
	} else {
		det := float64(xx*tt) - float64(xt*xt)
		r.slope = (float64(xy*tt) - float64(ty*xt)) / det
		r.perDegree = (float64(ty*xx) - float64(xy*xt)) / det
	}
	r.intercept = meanY - float64(r.slope*meanX) - float64(r.perDegree*meanT)
	return r
}
