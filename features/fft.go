package features

import "math/bits"

// fourier is the discrete Fourier transform of a fixed length
//
//	X_k = sum_j x_j exp(-2 pi i j k / n)
//
// in a fixed order of operations: after Stockham, one pass for each factor 4, 2, 3,
// 5 of n or other small prime, and where n has a large prime factor, as a
// convolution of a length that has none (Bluestein).
type fourier struct {
	n        int
	factors  []int
	cos, sin []float64 // of -2 pi k/n
	re, im   []float64 // spare

	inner          *fourier // Bluestein's
	chirpR, chirpI []float64
	kernR, kernI   []float64
	workR, workI   []float64
}

// largestFactor is the largest prime with a pass of its own.
const largestFactor = 31

func newFourier(n int) *fourier {
	f := &fourier{n: n}
	rest := n
	for _, r := range []int{4, 2, 3, 5} {
		for ; rest%r == 0; rest /= r {
			f.factors = append(f.factors, r)
		}
	}
	for r := 7; rest > 1 && r <= largestFactor; r += 2 {
		for ; rest%r == 0; rest /= r {
			f.factors = append(f.factors, r)
		}
	}
	if rest > 1 {
		f.bluestein()
		return f
	}
	f.cos, f.sin, f.re, f.im = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range f.cos {
		f.sin[k], f.cos[k] = sincos(-k, n)
	}
	return f
}

// transform works in place.
func (f *fourier) transform(re, im []float64) {
	if f.inner != nil {
		f.convolve(re, im)
		return
	}
	xr, xi, yr, yi := re, im, f.re, f.im
	for stride, i := 1, 0; i < len(f.factors); i++ {
		r := f.factors[i]
		m := f.n / (stride * r)
		switch r {
		case 2:
			f.pass2(xr, xi, yr, yi, m, stride)
		case 3:
			f.pass3(xr, xi, yr, yi, m, stride)
		case 4:
			f.pass4(xr, xi, yr, yi, m, stride)
		case 5:
			f.pass5(xr, xi, yr, yi, m, stride)
		default:
			f.pass(xr, xi, yr, yi, r, m, stride)
		}
		xr, xi, yr, yi = yr, yi, xr, xi
		stride *= r
	}
	if len(f.factors)%2 == 1 {
		copy(re, xr)
		copy(im, xi)
	}
}

// Every pass of a factor r takes r values, m*s apart, to r values, s apart, for each
// q below s and p below m, turning the j-th by p j s.

func (f *fourier) turn(k int, re, im float64) (float64, float64) {
	c, s := f.cos[k], f.sin[k]
	return float64(c*re) - float64(s*im), float64(c*im) + float64(s*re)
}

func (f *fourier) pass2(xr, xi, yr, yi []float64, m, s int) {
	d := m * s
	for p := range m {
		c1, s1 := f.cos[p*s], f.sin[p*s]
		for q := range s {
			a, o := q+s*p, q+2*s*p
			ar, ai, br, bi := xr[a], xi[a], xr[a+d], xi[a+d]
			yr[o], yi[o] = ar+br, ai+bi
			br, bi = ar-br, ai-bi
			yr[o+s], yi[o+s] = float64(c1*br)-float64(s1*bi), float64(c1*bi)+float64(s1*br)
		}
	}
}

func (f *fourier) pass3(xr, xi, yr, yi []float64, m, s int) {
	const h = 0.866025403784438646763723170752936183
	d := m * s
	for p := range m {
		k := p * s
		c1, s1, c2, s2 := f.cos[k], f.sin[k], f.cos[2*k], f.sin[2*k]
		for q := range s {
			a, o := q+s*p, q+3*s*p
			ar, ai := xr[a], xi[a]
			br, bi, cr, ci := xr[a+d], xi[a+d], xr[a+2*d], xi[a+2*d]
			ur, ui := br+cr, bi+ci
			vr, vi := float64(h*(bi-ci)), float64(h*(cr-br))
			yr[o], yi[o] = ar+ur, ai+ui
			ar, ai = ar-ur/2, ai-ui/2
			br, bi, cr, ci = ar+vr, ai+vi, ar-vr, ai-vi
			yr[o+s], yi[o+s] = float64(c1*br)-float64(s1*bi), float64(c1*bi)+float64(s1*br)
			yr[o+2*s], yi[o+2*s] = float64(c2*cr)-float64(s2*ci), float64(c2*ci)+float64(s2*cr)
		}
	}
}

func (f *fourier) pass4(xr, xi, yr, yi []float64, m, s int) {
	d := m * s
	for p := range m {
		k := p * s
		c1, s1, c2, s2, c3, s3 := f.cos[k], f.sin[k], f.cos[2*k], f.sin[2*k], f.cos[3*k], f.sin[3*k]
		for q := range s {
			a, o := q+s*p, q+4*s*p
			ar, ai, br, bi := xr[a], xi[a], xr[a+d], xi[a+d]
			cr, ci, dr, di := xr[a+2*d], xi[a+2*d], xr[a+3*d], xi[a+3*d]
			er, ei, gr, gi := ar+cr, ai+ci, ar-cr, ai-ci
			hr, hi, jr, ji := br+dr, bi+di, bi-di, dr-br // the last is times -i
			yr[o], yi[o] = er+hr, ei+hi
			br, bi = gr+jr, gi+ji
			cr, ci = er-hr, ei-hi
			dr, di = gr-jr, gi-ji
			yr[o+s], yi[o+s] = float64(c1*br)-float64(s1*bi), float64(c1*bi)+float64(s1*br)
			yr[o+2*s], yi[o+2*s] = float64(c2*cr)-float64(s2*ci), float64(c2*ci)+float64(s2*cr)
			yr[o+3*s], yi[o+3*s] = float64(c3*dr)-float64(s3*di), float64(c3*di)+float64(s3*dr)
		}
	}
}

func (f *fourier) pass5(xr, xi, yr, yi []float64, m, s int) {
	const (
		ca = 0.309016994374947424102293417182819059
		cb = -0.809016994374947424102293417182819059
		sa = 0.951056516295153572116439333379382143
		sb = 0.587785252292473129168705954639072769
	)
	d := m * s
	for p := range m {
		k := p * s
		c1, s1, c2, s2 := f.cos[k], f.sin[k], f.cos[2*k], f.sin[2*k]
		c3, s3, c4, s4 := f.cos[3*k], f.sin[3*k], f.cos[4*k], f.sin[4*k]
		for q := range s {
			a, o := q+s*p, q+5*s*p
			ar, ai := xr[a], xi[a]
			br, bi, er, ei := xr[a+d], xi[a+d], xr[a+4*d], xi[a+4*d]
			cr, ci, dr, di := xr[a+2*d], xi[a+2*d], xr[a+3*d], xi[a+3*d]
			ur, ui, vr, vi := br+er, bi+ei, br-er, bi-ei
			tr, ti, wr, wi := cr+dr, ci+di, cr-dr, ci-di
			yr[o], yi[o] = ar+ur+tr, ai+ui+ti
			gr, gi := ar+float64(ca*ur)+float64(cb*tr), ai+float64(ca*ui)+float64(cb*ti)
			hr, hi := ar+float64(cb*ur)+float64(ca*tr), ai+float64(cb*ui)+float64(ca*ti)
			jr, ji := float64(sa*vi)+float64(sb*wi), -float64(sa*vr)-float64(sb*wr)
			kr, ki := float64(sb*vi)-float64(sa*wi), float64(sa*wr)-float64(sb*vr)
			br, bi, er, ei = gr+jr, gi+ji, gr-jr, gi-ji
			cr, ci, dr, di = hr+kr, hi+ki, hr-kr, hi-ki
			yr[o+s], yi[o+s] = float64(c1*br)-float64(s1*bi), float64(c1*bi)+float64(s1*br)
			yr[o+2*s], yi[o+2*s] = float64(c2*cr)-float64(s2*ci), float64(c2*ci)+float64(s2*cr)
			yr[o+3*s], yi[o+3*s] = float64(c3*dr)-float64(s3*di), float64(c3*di)+float64(s3*dr)
			yr[o+4*s], yi[o+4*s] = float64(c4*er)-float64(s4*ei), float64(c4*ei)+float64(s4*er)
		}
	}
}

func (f *fourier) pass(xr, xi, yr, yi []float64, r, m, s int) {
	d := m * s
	for p := range m {
		for q := range s {
			for j := range r {
				var sumR, sumI float64
				for k := range r {
					tr, ti := f.turn(j*k%r*(f.n/r), xr[q+s*p+k*d], xi[q+s*p+k*d])
					sumR += tr
					sumI += ti
				}
				o := q + s*(r*p+j)
				yr[o], yi[o] = f.turn(p*j*s, sumR, sumI)
			}
		}
	}
}

// bluestein prepares X_k = w_k sum_j (x_j w_j) conj(w_(k-j)), w_k = exp(-pi i k^2/n).
func (f *fourier) bluestein() {
	m := 1 << bits.Len(uint(2*f.n-2))
	f.inner = newFourier(m)
	f.chirpR, f.chirpI = make([]float64, f.n), make([]float64, f.n)
	f.kernR, f.kernI = make([]float64, m), make([]float64, m)
	f.workR, f.workI = make([]float64, m), make([]float64, m)
	for k := range f.chirpR {
		s, c := sincos(-(k * k % (2 * f.n)), 2*f.n)
		f.chirpR[k], f.chirpI[k] = c, s
		f.kernR[k], f.kernI[k] = c, -s
		if k > 0 {
			f.kernR[m-k], f.kernI[m-k] = c, -s
		}
	}
	f.inner.transform(f.kernR, f.kernI)
}

func (f *fourier) convolve(re, im []float64) {
	wr, wi := f.workR, f.workI
	clear(wr)
	clear(wi)
	for k := range re {
		wr[k], wi[k] = product(re[k], im[k], f.chirpR[k], f.chirpI[k])
	}
	f.inner.transform(wr, wi)
	for k := range wr { // conjugates, so that the same transform goes back
		wr[k], wi[k] = product(wr[k], wi[k], f.kernR[k], f.kernI[k])
		wi[k] = -wi[k]
	}
	f.inner.transform(wr, wi)
	m := float64(len(wr))
	for k := range re {
		re[k], im[k] = product(wr[k]/m, -wi[k]/m, f.chirpR[k], f.chirpI[k])
	}
}

func product(ar, ai, br, bi float64) (re, im float64) {
	return float64(ar*br) - float64(ai*bi), float64(ar*bi) + float64(ai*br)
}
