package features

// trace is what an epoch's samples leave that cannot be said from them alone: it
// depends on samples around. Traces of epochs that follow each other merge.
type trace struct {
	warming              bool       // filters began less than warmTime before
	n                    int64      // samples that were filtered
	hfen, bfen, hfenplus float64    // sums over them, micro-g
	tilt                 [3]float64 // sums over them, radians
	crossings            [3]int64
	tenths               int64 // of a second that have counts
	counts               [3]int64
	still                float64 // sum of the angle of the rolling median, radians
	stillN               int64   // samples in it
	smoothN              int64   // samples that were filtered without delay
	hfenZP, bfenZP       float64 // sums over them, micro-g
	epochs, calm, flat   int64   // half covered; of them inactive by ENMO, by MAD
	sustained            float64 // 1 in a sustained inactivity bout, else 0
}

func (t *trace) merge(next *trace) {
	t.warming = t.warming || next.warming
	t.n += next.n
	t.hfen += next.hfen
	t.bfen += next.bfen
	t.hfenplus += next.hfenplus
	for i := range t.tilt {
		t.tilt[i] += next.tilt[i]
		t.crossings[i] += next.crossings[i]
		t.counts[i] += next.counts[i]
	}
	t.tenths += next.tenths
	t.still += next.still
	t.stillN += next.stillN
	t.smoothN += next.smoothN
	t.hfenZP += next.hfenZP
	t.bfenZP += next.bfenZP
	t.epochs += next.epochs
	t.calm += next.calm
	t.flat += next.flat
	t.sustained += next.sustained
}
