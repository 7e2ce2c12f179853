"""The instruments: note lists in, samples out.

A part is a string of `PITCH:BEATS` words, `r` for a rest, `+` between the notes of a chord; a word without beats keeps
the length of the one before it. Everything is additive synthesis or a plucked string (Karplus and Strong, 1983), seeded,
so that the same score gives the same samples.
"""

import re

import numpy as np

SEMITONE = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def hertz(pitch):
    """Frequency of a pitch such as `F#4` (A4 is 440 Hz)."""
    letter, accidental, octave = re.fullmatch(r"([A-G])([#b]?)(-?\d)", pitch).groups()
    key = SEMITONE[letter] + {"": 0, "#": 1, "b": -1}[accidental] + 12 * (int(octave) + 1)
    return 440.0 * 2 ** ((key - 69) / 12)


def notes(part):
    """Yield (start in beats, length in beats, pitches) for each word of a part; bar lines are for the reader."""
    at, beats = 0.0, 1.0
    for word in part.replace("|", " ").split():
        pitches, _, length = word.partition(":")
        beats = float(length) if length else beats
        if pitches != "r":
            yield at, beats, pitches.split("+")
        at += beats


def length(part):
    """Length of a part in beats."""
    at, beats = 0.0, 1.0
    for word in part.replace("|", " ").split():
        beats = float(word.partition(":")[2] or beats)
        at += beats
    return at


def _time(seconds, rate):
    return np.arange(int(seconds * rate)) / rate


def _swell(t, seconds, attack, release):
    return np.clip(t / attack, 0, 1) * np.clip((seconds + release - t) / release, 0, 1)


def _partials(f, t, amplitudes, rate, phase=0.0):
    out = np.zeros_like(t)
    for n, amplitude in enumerate(amplitudes, 1):
        if n * f < 0.45 * rate:
            out += amplitude * np.sin(2 * np.pi * n * f * t + n * phase)
    return out


def pluck(f, seconds, rate, rng, bright=0.5, decay=0.996, tail=0.6, position=0.2):
    """A plucked string: a burst of noise round a delay line with a two-point average."""
    period = int(rate / f)
    burst = rng.uniform(-1, 1, period)
    comb = max(1, int(period * position))
    burst = burst - np.roll(burst, comb)
    for _ in range(int((1 - bright) * 6)):
        burst = 0.5 * (burst + np.roll(burst, 1))
    total = int((seconds + tail) * rate)
    out = np.empty(total + period)
    out[:period] = burst
    line = burst
    for start in range(period, total, period):
        line = decay * 0.5 * (line + np.concatenate(([line[-1]], line[:-1])))
        out[start : start + period] = line
    out = out[:total]
    # The delay line has a whole number of samples; stretch it to the true pitch.
    out = np.interp(np.arange(total) * (f * (period + 0.5) / rate), np.arange(total), out, right=0.0)
    t = np.arange(total) / rate
    return out * np.clip((seconds + tail - t) / tail, 0, 1)


def harpsichord(f, seconds, rate, rng):
    return pluck(f, seconds, rate, rng, bright=1.0, decay=0.998, tail=0.15, position=0.12)


def guitar(f, seconds, rate, rng):
    return pluck(f, seconds, rate, rng, bright=0.5, decay=0.9965, tail=0.9, position=0.25)


def koto(f, seconds, rate, rng):
    return pluck(f, seconds, rate, rng, bright=0.8, decay=0.9975, tail=1.2, position=0.07)


def bass(f, seconds, rate, rng):
    return 1.6 * pluck(f, seconds, rate, rng, bright=0.2, decay=0.998, tail=0.1, position=0.4)


def piano(f, seconds, rate, rng):
    t = _time(seconds + 0.5, rate)
    out = np.zeros_like(t)
    for n in range(1, 13):
        partial = n * f * np.sqrt(1 + 0.0004 * n * n)
        if partial < 0.45 * rate:
            out += n**-1.3 * np.sin(2 * np.pi * partial * t) * np.exp(-t * (0.9 + 0.5 * n) * (f / 300) ** 0.3)
    return out * _swell(t, seconds, 0.004, 0.5)


def organ(f, seconds, rate, rng):
    t = _time(seconds + 0.06, rate)
    return 0.5 * _partials(f, t, [1, 0.6, 0.35, 0.4, 0, 0.2, 0, 0.25], rate) * _swell(t, seconds, 0.02, 0.06)


def flute(f, seconds, rate, rng):
    t = _time(seconds + 0.1, rate)
    vibrato = 0.004 * np.sin(2 * np.pi * 5.1 * t) / 5.1 * np.clip(t / 0.4, 0, 1)
    breath = np.convolve(rng.normal(0, 0.05, len(t)), np.ones(4) / 4, "same")
    tone = _partials(f, t + vibrato, [1, 0.22, 0.12, 0.03], rate)
    return (tone + breath) * _swell(t, seconds, 0.06, 0.1)


def strings(f, seconds, rate, rng):
    t = _time(seconds + 0.25, rate)
    out = np.zeros_like(t)
    for cents, phase in ((-6, 0.3), (0, 1.7), (7, 2.9)):
        bend = 0.003 * np.sin(2 * np.pi * 5.6 * t + phase) / 5.6
        out += _partials(f * 2 ** (cents / 1200), t + bend, [1 / n**1.15 for n in range(1, 15)], rate, phase)
    return 0.3 * out * _swell(t, seconds, 0.09, 0.25)


def erhu(f, seconds, rate, rng):
    t = _time(seconds + 0.12, rate)
    bend = 0.008 * np.sin(2 * np.pi * 5.9 * t) / 5.9 * np.clip(t / 0.25, 0, 1)
    formants = [np.exp(-(((n * f - 1100) / 700) ** 2)) + 0.5 / n for n in range(1, 16)]
    return 0.6 * _partials(f, t + bend, formants, rate, 0.7) * _swell(t, seconds, 0.05, 0.12)


def accordion(f, seconds, rate, rng):
    t = _time(seconds + 0.05, rate)
    reeds = sum(_partials(f * d, t, [1, 0.1, 0.5, 0.1, 0.4, 0.1, 0.25, 0.05, 0.2], rate, d) for d in (0.997, 1.003))
    return 0.4 * reeds * _swell(t, seconds, 0.03, 0.05)


def clarinet(f, seconds, rate, rng):
    t = _time(seconds + 0.06, rate)
    return 0.8 * _partials(f, t, [1, 0.04, 0.55, 0.03, 0.3, 0.05, 0.15, 0.1, 0.1], rate) * _swell(t, seconds, 0.03, 0.06)


def trumpet(f, seconds, rate, rng):
    t = _time(seconds + 0.05, rate)
    opening = np.clip(t / 0.06, 0, 1)
    soft = _partials(f, t, [1, 0.5, 0.2], rate)
    loud = _partials(f, t, [0.7, 0.9, 1, 0.8, 0.6, 0.45, 0.3, 0.2], rate)
    return 0.45 * (soft * (1 - opening) + loud * opening) * _swell(t, seconds, 0.02, 0.05)


def musicbox(f, seconds, rate, rng):
    t = _time(seconds + 1.0, rate)
    out = np.sin(2 * np.pi * f * t) * np.exp(-3 * t)
    for ratio, amplitude in ((2.76, 0.35), (5.4, 0.2)):
        if ratio * f < 0.45 * rate:
            out += amplitude * np.sin(2 * np.pi * ratio * f * t) * np.exp(-9 * t)
    return out * _swell(t, seconds, 0.002, 1.0)


def bell(f, seconds, rate, rng):
    t = _time(seconds + 3.0, rate)
    out = np.zeros_like(t)
    for ratio, amplitude, decay in ((0.5, 0.5, 0.5), (1, 1, 0.7), (1.2, 0.6, 1.0), (1.5, 0.3, 1.3), (2, 0.7, 1.4),
                                    (2.51, 0.3, 2.2), (3.01, 0.25, 2.6), (4.1, 0.2, 4.0), (5.43, 0.1, 6.0)):
        out += amplitude * np.sin(2 * np.pi * ratio * f * t) * np.exp(-decay * t)
    return out * _swell(t, seconds, 0.003, 3.0)


def kick(f, seconds, rate, rng):
    t = _time(0.25, rate)
    return 1.5 * np.sin(2 * np.pi * (45 * t - 12 * np.exp(-18 * t) / 1.8)) * np.exp(-12 * t)


def hat(f, seconds, rate, rng):
    t = _time(0.08, rate)
    return np.diff(rng.normal(0, 0.35, len(t) + 1)) * np.exp(-60 * t)


def lead(f, seconds, rate, rng):
    t = _time(seconds + 0.04, rate)
    saw = sum(_partials(f * d, t, [1 / n for n in range(1, 13)], rate, d) for d in (0.994, 1.0, 1.006))
    return 0.3 * saw * _swell(t, seconds, 0.01, 0.04)


def _seconds_at(beats, tempo):
    """Clock time of a beat; `tempo` is beats a minute, or (first, last, beats) for a steady acceleration."""
    if not isinstance(tempo, tuple):
        return beats * 60 / tempo
    first, last, total = tempo
    slope = (last - first) / total
    return 60 / slope * np.log((first + slope * beats) / first)


def render(piece, rate):
    """Samples of a piece as float64, shape (frames, 2), peak under 0.7."""
    rng = np.random.default_rng(int.from_bytes(piece["title"].encode()[:6], "big"))
    tempo = piece["tempo"]
    if isinstance(tempo, tuple):
        tempo = (*tempo, max(length(part) for _, part, _, _ in piece["parts"]))
    end = max(_seconds_at(length(part), tempo) for _, part, _, _ in piece["parts"])
    out = np.zeros((int((end + 2.5) * rate), 2))
    for instrument, part, gain, pan in piece["parts"]:
        for at, beats, pitches in notes(part):
            start = _seconds_at(at, tempo)
            seconds = _seconds_at(at + beats, tempo) - start
            begin = int((start + rng.uniform(0, 0.006)) * rate)
            for pitch in pitches:
                sound = gain * rng.uniform(0.9, 1.0) * instrument(hertz(pitch), seconds * 0.96, rate, rng)
                sound = sound[: len(out) - begin]
                out[begin : begin + len(sound), 0] += sound * np.cos((pan + 1) * np.pi / 4)
                out[begin : begin + len(sound), 1] += sound * np.sin((pan + 1) * np.pi / 4)
    room = piece.get("room", 0.15)
    if room:
        tail = np.exp(-5.5 * _time(1.1, rate))[:, None] * rng.normal(0, 1, (int(1.1 * rate), 2))
        size = 1 << (len(out) + len(tail)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(out, size, 0) * np.fft.rfft(tail, size, 0), size, 0)[: len(out)]
        out += room * wet * np.abs(out).max() / np.abs(wet).max()
    fade = np.clip((len(out) - np.arange(len(out))) / (1.2 * rate), 0, 1)
    out *= fade[:, None]
    # Plucks begin with a spike; rounding it off brings every piece to a similar level.
    return 0.7 * np.tanh(out / np.quantile(np.abs(out), 0.9995))
