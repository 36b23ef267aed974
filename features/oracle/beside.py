"""The features of core.v1 and ref.v1 in numpy and scipy, beside those of Go.

    python3 beside.py FOLDER RATE

FOLDER has x.i32, y.i32, z.i32 in micro-g at RATE Hz without a gap from the start of an
hour, celsius.i32 in milli-degrees once a second, for whole hours, and of each set and
window length in seconds what Go makes of them: SET-LENGTH.f64, a row of the columns that
SET.txt names for each window. Prints JSON: processor nanoseconds a sample of each set, and
of each column at each length how far Go is away.

Everything is vectorised over windows, an hour at a time where nothing looks further, so
that it stays in the processor's cache; sums of longer windows are those of shorter ones.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import ndimage, signal

folder, rate = Path(sys.argv[1]), int(sys.argv[2])
EPOCH, MINUTE, QUARTER = 5, 60, 900
SHARES = (5, 25, 50, 75, 95)
ANGLE = 180 / np.pi


def moments(out, name, v, n, lengths=(EPOCH, MINUTE, QUARTER)):
    """Mean, SD, extremes and range of v, n values in an epoch."""
    v = v.reshape(-1, n)
    total, squares = v.sum(1), np.einsum("ij,ij->i", v, v)
    least, most = v.min(1), v.max(1)
    for length in lengths:
        k = length // EPOCH
        s, q, m = total.reshape(-1, k).sum(1), squares.reshape(-1, k).sum(1), k * n
        low, high = least.reshape(-1, k).min(1), most.reshape(-1, k).max(1)
        out[f"{name}_mean", length] = s / m
        out[f"{name}_sd", length] = np.sqrt(np.maximum(m * q - s * s, 0) / (m * (m - 1)))
        out[f"{name}_min", length], out[f"{name}_max", length], out[f"{name}_range", length] = low, high, high - low


def means(out, name, v, lengths=(EPOCH, MINUTE, QUARTER)):
    """Means over v, a value an epoch."""
    for length in lengths:
        out[name, length] = v.reshape(-1, length // EPOCH).mean(1)


def by_epoch(v):
    return v.reshape(-1, EPOCH * rate)


def core(x, y, z, celsius):
    out = {}
    vm = np.sqrt(x * x + y * y + z * z)
    axes = {"x": x, "y": y, "z": z, "vm": vm}
    for name, v in axes.items():
        moments(out, name, v, EPOCH * rate)
        for share, p in zip(SHARES, np.percentile(v.reshape(-1, MINUTE * rate), SHARES, axis=1)):
            out[f"{name}_p{share:02}", MINUTE] = p
    over = vm - 1
    means(out, "enmo", by_epoch(np.maximum(over, 0)).mean(1))
    means(out, "enmoa", by_epoch(np.abs(over)).mean(1))
    means(out, "sma", by_epoch(np.abs(x) + np.abs(y) + np.abs(z)).mean(1))
    mad = np.abs(by_epoch(vm) - by_epoch(vm).mean(1, keepdims=True)).mean(1)
    out["mad", EPOCH] = mad
    means(out, "mad5_mean", mad, (MINUTE, QUARTER))
    steps = [np.diff(v.reshape(-1, MINUTE * rate), axis=1) for v in (x, y, z)]
    out["jerk_rms", MINUTE] = np.sqrt(sum(np.einsum("ij,ij->i", d, d) for d in steps) / (MINUTE * rate - 1)) * rate
    for length in (EPOCH, MINUTE, QUARTER):
        out["en", length] = out["vm_mean", length]
        a, b, c = (out[f"{k}_mean", length] for k in "xyz")
        out["anglex_of_mean", length] = np.arctan(a / np.sqrt(b * b + c * c)) * ANGLE
        out["angley_of_mean", length] = np.arctan(b / np.sqrt(a * a + c * c)) * ANGLE
        out["anglez_of_mean", length] = np.arctan(c / np.sqrt(a * a + b * b)) * ANGLE
        if length == EPOCH:
            angles = [out[f"angle{k}_of_mean", EPOCH] for k in "xyz"]
        else:
            for k, angle in zip("xyz", angles):
                out[f"arm_up_{k}", length] = (angle > 30).reshape(-1, length // EPOCH).mean(1)
                out[f"arm_down_{k}", length] = (angle < -30).reshape(-1, length // EPOCH).mean(1)
        t = celsius.reshape(-1, length)
        u = (np.arange(length) - (length - 1) / 2) / 60
        out["temp_n", length] = np.full(len(t), length)
        out["temp_mean", length], out["temp_sd", length] = t.mean(1), t.std(1, ddof=1)
        out["temp_min", length], out["temp_max", length] = t.min(1), t.max(1)
        out["temp_slope_per_min", length] = (t - t.mean(1, keepdims=True)) @ u / (u @ u)
    return out


def ref_by_hour(x, y, z):
    """What of ref.v1 looks no further than its window; x, y, z are micro-g."""
    out = {}
    vm = np.sqrt((x * x + y * y + z * z).astype(float))
    n = MINUTE * rate
    for name, v in (("x", x), ("y", y), ("z", z), ("vm", vm)):
        v = v.reshape(-1, n)
        # n v and the sum are compared as integers, as Go does.
        side = np.sign(v - v.mean(1, keepdims=True) if name == "vm" else v * n - v.sum(1, keepdims=True))
        out[f"{name}_mcr", MINUTE] = np.count_nonzero(side[:, 1:] != side[:, :-1], axis=1) / n
        spectrum(out, name, (v - v.mean(1, keepdims=True)) / 1e6)
    g = [v / 1e6 for v in (x, y, z)]
    squares = [v * v for v in g]
    for k, name in enumerate("xyz"):
        along = np.sqrt(squares[(k + 1) % 3] + squares[(k + 2) % 3])
        out[f"angle{name}_mean5", EPOCH] = by_epoch(np.arctan2(g[k], along)).mean(1) * ANGLE
    r = vm / 1e6
    enmo = by_epoch(np.maximum(r - 1, 0)).mean(1)
    mad = np.abs(by_epoch(r) - by_epoch(r).mean(1, keepdims=True)).mean(1)
    means(out, "inactive_frac", (enmo < 0.030).astype(float), (MINUTE, QUARTER))
    means(out, "inactive_mad_frac", (mad < 0.0167).astype(float), (MINUTE, QUARTER))
    return out


def spectrum(out, name, v):
    n = v.shape[1]
    f = np.fft.rfft(v, axis=1)
    p = (f.real**2 + f.imag**2) * (2 / (rate * n))
    edges = [-(-e * n // (10 * rate)) for e in (3, 8, 30, 70, 120)]
    df = rate / n
    for i, band in enumerate(("03_08", "08_3", "3_7", "7_12")):
        out[f"{name}_p_{band}", MINUTE] = p[:, edges[i] : edges[i + 1]].sum(1) * df
    p = p[:, edges[0] : edges[-1]]
    total = p.sum(1)
    peak = p.argmax(1)
    share = p / total[:, None]
    out[f"{name}_p_total", MINUTE] = total * df
    out[f"{name}_dom_freq", MINUTE] = (peak + edges[0]) * df
    out[f"{name}_dom_frac", MINUTE] = share[np.arange(len(p)), peak]
    out[f"{name}_spec_entropy", MINUTE] = -(share * np.log2(share)).sum(1) / np.log2(p.shape[1])


def ref_whole(x, y, z):
    """What of ref.v1 runs through the recording."""
    out = {}
    a = np.vstack([x, y, z]) / 1e6

    def filtered(order, edges, kind):
        sos = signal.butter(order, edges, kind, fs=rate, output="sos")
        return signal.sosfilt(sos, a, zi=signal.sosfilt_zi(sos)[:, None, :] * a[:, :1])[0]

    def norm(v):
        return np.sqrt(np.einsum("ij,ij->j", v, v))

    high = norm(filtered(4, 0.2, "highpass"))
    low = norm(filtered(4, 0.2, "lowpass"))
    means(out, "hfen_c", by_epoch(high).mean(1))
    means(out, "hfenplus_c", by_epoch(np.maximum(high + low - 1, 0)).mean(1))
    means(out, "bfen_c", by_epoch(norm(filtered(4, (0.2, 15), "bandpass"))).mean(1))
    negative = filtered(2, (0.25, 3), "bandpass") <= -0.01
    changes = np.diff(negative, axis=1, prepend=negative[:, :1])
    for k, name in enumerate("xyz"):
        out[f"zc_{name}", EPOCH] = np.count_nonzero(by_epoch(changes[k]), axis=1)

    step, half = rate // 10, 25  # GGIR's median of 51 at 10 Hz
    m = ndimage.median_filter(a[:, ::step], size=(1, 2 * half + 1))
    m[:, :half], m[:, -half:] = m[:, half : half + 1], m[:, -half - 1 : -half]
    angle = np.arctan2(m[2], np.sqrt(m[0] ** 2 + m[1] ** 2)) * ANGLE
    out["anglez_rm", EPOCH] = angle = angle.reshape(-1, EPOCH * 10).mean(1)
    turns = np.flatnonzero(np.abs(np.diff(angle)) > 5)
    sib = np.zeros(len(angle))
    for i, j in zip(turns[:-1], turns[1:]):
        if j - i > 60:
            sib[i : j + 1] = 1
    out["sib", EPOCH] = sib
    counts(out, [v.astype(np.int64) for v in (x, y, z)])
    return out


COUNTS_OVER = [-0.009341062898525, -0.025470289659360, -0.004235264826105, 0.044152415456420,
               0.036493718347760, -0.011893961934740, -0.022917390623150, -0.006788163862310]  # fmt: skip
COUNTS_UNDER = [1, -3.63367395910957, 5.03689812757486, -3.09612247819666,
                0.50620507633883, 0.32421701566682, -0.15685485875559, 0.0194913020589]  # fmt: skip


def counts(out, a):
    """Activity counts of axes in micro-g."""
    # Interpolated in integers: half a milli-g is no matter of the last bit.
    t = np.arange(len(a[0])) * 10**9 // rate
    at = np.arange(len(a[0]) // rate * 30) * 10**9 // 30
    j = np.maximum(np.searchsorted(t, at), 1)
    d, of = at - t[j - 1], t[j] - t[j - 1]
    zi = signal.lfilter_zi(COUNTS_OVER, COUNTS_UNDER)
    total = {10: 0, MINUTE: 0}
    for k, name in enumerate("xyz"):
        v = a[k][j - 1] * of + (a[k][j] - a[k][j - 1]) * d
        v = np.rint(v / (1000 * of)) / 1000
        v = signal.lfilter(COUNTS_OVER, COUNTS_UNDER, v, zi=zi * v[0])[0]
        v = np.abs(v * ((3 / 4096) / (2.6 / 256) * 237.5))
        v = np.floor(np.minimum(np.where(v < 4, 0, v), 128))
        v = v.reshape(-1, 3).sum(1) // 3
        for length in total:
            out[f"counts_li_{name}", length] = n = v.reshape(-1, 10 * length).sum(1)
            total[length] = total[length] + n * n
    for length, n in total.items():
        out["counts_li_vm", length] = np.sqrt(n)


def hours(of, *columns):
    """of() each hour, the rows one after the other."""
    n = len(columns[0]) // rate // 3600
    parts = [of(*part) for part in zip(*(np.split(c, n) for c in columns))]
    return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}


def main():
    x, y, z, celsius = (np.fromfile(folder / f"{name}.i32", np.int32) for name in ("x", "y", "z", "celsius"))

    def all_core():
        return hours(lambda x, y, z, t: core(x / 1e6, y / 1e6, z / 1e6, t / 1e3), x, y, z, celsius)

    def all_ref():
        wide = lambda x, y, z: ref_by_hour(x.astype(np.int64), y.astype(np.int64), z.astype(np.int64))
        return hours(wide, x, y, z) | ref_whole(x, y, z)

    said = {}
    for name, make in (("core.v1", all_core), ("ref.v1", all_ref)):
        best = np.inf
        for _ in range(2):
            began = time.process_time()
            out = make()
            best = min(best, time.process_time() - began)
        columns = (folder / f"{name}.txt").read_text().split()
        of = {}
        for (column, length), want in out.items():
            got = np.fromfile(folder / f"{name}-{length}.f64").reshape(-1, len(columns))[:, columns.index(column)]
            if len(got) != len(want):
                sys.exit(f"{column} at {length} s: {len(got)} windows, not {len(want)}")
            apart = np.abs(got - want)
            most = int(np.argmax(np.where(np.isnan(apart), np.inf, apart)))
            of[f"{column}@{length}"] = {
                "windows": len(got),
                "other": int(np.count_nonzero(~(apart <= 1e-9 + 1e-9 * np.abs(want)))),
                "apart": str(apart[most]),
                "at": most,
            }
        said[name] = {"ns": best * 1e9 / len(x), "columns": of}
    json.dump(said, sys.stdout)


main()
