"""The scores: melodies that belong to everybody, in arrangements made for this sample.

Each score is (tempo, parts, room); a part is (instrument, notes, gain, pan). The notation is in synth.py.
"""

import synth as s


def chords(plan):
    """`Am:6 G:6` as block chords round C4, and their roots as a bass line."""
    shapes = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 10)}
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    block, roots = [], []
    for word in plan.replace("|", " ").split():
        name, _, beats = word.partition(":")
        root = name.rstrip("m7")
        key = names.index({"Bb": "A#", "Eb": "D#", "Ab": "G#"}.get(root, root))
        pitches = [(key + step) % 12 for step in shapes[name[len(root):]]]
        block.append("+".join(f"{names[p]}{4 if p < 5 else 3}" for p in sorted(pitches)) + f":{beats}")
        roots.append(f"{names[key]}{3 if key < 4 else 2}:{beats}")
    return " ".join(block), " ".join(roots)


def strummed(plan, step):
    """The same chords, struck again every `step` beats."""
    words = []
    for word in chords(plan)[0].split():
        name, _, beats = word.partition(":")
        words += [f"{name}:{step}"] * round(float(beats) / step)
    return " ".join(words)


def arpeggio(plan, step):
    """The same chords, one note after another."""
    words = []
    for word in chords(plan)[0].split():
        name, _, beats = word.partition(":")
        tones = name.split("+")
        cycle = [tones[0], tones[1], tones[2], tones[1]]
        words += [f"{cycle[i % 4]}:{step}" for i in range(round(float(beats) / step))]
    return " ".join(words)


MINUET = (126, [
    (s.harpsichord, """D5:1 G4:.5 A4 B4 C5 | D5:1 G4 G4 | E5 C5:.5 D5 E5 F#5 | G5:1 G4 G4 | C5 D5:.5 C5 B4 A4
     | B4:1 C5:.5 B4 A4 G4 | F#4:1 G4:.5 A4 B4 G4 | A4:3 | D5:1 G4:.5 A4 B4 C5 | D5:1 G4 G4 | E5 C5:.5 D5 E5 F#5
     | G5:1 G4 G4 | C5 D5:.5 C5 B4 A4 | B4:1 C5:.5 B4 A4 G4 | A4:1 B4:.5 A4 G4 F#4 | G4:3""", 1.0, 0.2),
    (s.harpsichord, """G3+B3+D4:2 A3:1 | B3:3 | C4 | B3 | A3 | G3 | D4:1 B3 G3 | D4 D3:.5 C4 B3 A3 | B3:2 A3:1
     | G3 B3 G3 | C4:3 | B3:1 C4:.5 B3 A3 G3 | A3:2 F#3:1 | G3:2 B3:1 | C4 D4 D3 | G3:2 G2:1""", 0.9, -0.2),
], 0.1)

_ELISE = "E5:1 D#5 E5 B4 D5 C5 | A4:2 r:1 C4 E4 A4 | B4:2 r:1 E4 G#4 B4 | C5:2 r:1 E4 E5 D#5 " \
         "| E5 D#5 E5 B4 D5 C5 | A4:2 r:1 C4 E4 A4 | B4:2 r:1 E4 C5 B4 | "
_ELISE_LEFT = "r:6 | A2:1 E3 A3 r:3 | E2:1 E3 G#3 r:3 | A2:1 E3 A3 r:3 | r:6 | A2:1 E3 A3 r:3 | E2:1 E3 G#3 r:3 | "
FUR_ELISE = (410, [
    (s.piano, "E5:1 D#5 |" + _ELISE + "A4:4 E5:1 D#5 |" + _ELISE + """A4:2 r:1 B4 C5 D5 | E5:3 G4:1 F5 E5
     | D5:3 F4:1 E5 D5 | C5:3 E4:1 D5 C5 | B4:2 r:1 E4 E5 r | r E5 E6 r r D#5 | E5 r r D#5 E5 D#5 |""" + _ELISE + "A4:8",
     1.0, 0.15),
    (s.piano, "r:2 |" + _ELISE_LEFT + "A2:1 E3 A3 r:3 |" + _ELISE_LEFT + """A2:1 E3 A3 r:3 | C3:1 G3 C4 r:3
     | G2:1 G3 B3 r:3 | A2:1 E3 A3 r:3 | E2:1 E3 E4 r:3 | r:6 | r:6 |""" + _ELISE_LEFT + "A2:1 E3 A3:6", 0.8, -0.15),
], 0.12)

_JOY = "F#4:1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | "
ODE_TO_JOY = (124, [
    (s.organ, _JOY + "F#4:1.5 E4:.5 E4:2 |" + _JOY + "E4:1.5 D4:.5 D4:2 | E4:1 E4 F#4 D4 | E4 F#4:.5 G4 F#4:1 D4"
     "| E4 F#4:.5 G4 F#4:1 E4 | D4 E4 A3:2 |" + _JOY + "E4:1.5 D4:.5 D4:4", 1.0, 0.0),
    (s.strings, chords("D:4 A:4 D:4 A:4 D:4 A:4 D:4 A:2 D:2 A:4 A:4 A:2 F#:2 Bm:2 A:2 D:4 A:4 D:4 A:2 D:4")[0], 0.5, -0.4),
    (s.bass, chords("D:2 D:2 A:2 A:2 D:2 D:2 A:4 D:4 A:4 D:4 A:2 D:2 A:4 A:4 A:2 F#:2 Bm:2 A:2 D:4 A:4 D:4 A:2 D:4")[1],
     0.7, 0.3),
], 0.2)

_GREEN_END = "G4:1.5 A4:.5 B4:1 | C5:1.5 B4:.5 A4:1 G#4:1.5 F#4:.5 G#4:1 | "
_GREEN = "C5:2 D5:1 E5:1.5 F5:.5 E5:1 | D5:2 B4:1 "
_GREEN_TURN = "G4:1.5 A4:.5 B4:1 | C5:2 A4:1 A4:1.5 G#4:.5 A4:1 | B4:2 G#4:1 "
_GREEN_HIGH = "G5:3 G5:1.5 F#5:.5 E5:1 | D5:2 B4:1 "
GREENSLEEVES = (190, [
    (s.flute, "A4:1 |" + _GREEN + _GREEN_TURN + "E4:2 A4:1 |" + _GREEN + _GREEN_END + "A4:3 A4:3 |" + _GREEN_HIGH
     + _GREEN_TURN + "E4:3 |" + _GREEN_HIGH + _GREEN_END + "A4:6", 1.0, 0.2),
    (s.guitar, "r:1 " + arpeggio("Am:6 G:6 Am:6 E:6 Am:6 G:6 Am:3 E:3 Am:6 C:6 G:6 Am:6 E:6 C:6 G:6 Am:3 E:3 Am:6", 1),
     0.7, -0.3),
], 0.2)

SCARBOROUGH = (112, [
    (s.clarinet, """D4:2 D4:1 | A4:2 A4:1 | E4:1.5 F4:.5 E4:1 | D4:3 | r:1 A4 C5 | D5:2 C5:1 | A4 B4 G4 | A4:3 | r:2 D5:1
     | D5:2 D5:1 | C5:2 A4:1 | A4 G4 F4 | E4:2 C4:1 | D4:2 A4:1 | G4:2 F4:1 | E4 D4 C4 | D4:6""", 1.0, -0.2),
    (s.guitar, arpeggio("Dm:6 C:3 Dm:6 F:3 G:3 Dm:3 Dm:3 Dm:3 F:3 C:3 C:3 Dm:3 C:3 Am:3 Dm:6", .5), 0.6, 0.3),
    (s.strings, chords("Dm:6 C:3 Dm:6 F:3 G:3 Dm:3 Dm:3 Dm:3 F:3 C:3 C:3 Dm:3 C:3 Am:3 Dm:6")[1], 0.4, 0.0),
], 0.25)

LONDONDERRY = (200, [
    (s.strings, """B3:1 C4 D4 | E4:3 D4:1 E4 A4 G4 E4 | D4 C4 A3:3 C4:1 E4 F4 | G4:3 A4:1 G4 E4 C4 E4 | D4:5 B3:1 C4 D4
     | E4:3 D4:1 E4 A4 G4 E4 | D4 C4 A3:3 B3:1 C4 D4 | E4:3 F4:1 E4 D4 C4 D4 | C4:5 G4:1 A4 B4
     | C5:3 B4:1 B4 A4 G4 A4 | G4 E4 C4:3 G4:1 A4 B4 | C5:3 B4:1 B4 A4 G4 E4 | D4:5 G4:1 G4 G4
     | E5:3 D5:1 D5 C5 A4 C5 | G4 E4 C4:3 B3:1 C4 D4 | E4 A4 G4 E4 D4 C4 A3 B3 | C4:8""", 1.0, 0.1),
    (s.piano, "r:3 " + arpeggio("C:8 F:8 C:8 G:8 C:8 F:8 C:4 G:4 C:8 F:8 C:8 F:8 G:8 Am:8 C:8 F:4 G:4 C:8", 1), 0.6, -0.3),
    (s.bass, "r:3 " + chords("C:8 F:8 C:8 G:8 C:8 F:8 C:4 G:4 C:8 F:8 C:8 F:8 G:8 Am:8 C:8 F:4 G:4 C:8")[1], 0.6, 0.0),
], 0.25)

_SYNE = "C5:1.5 A4:.5 A4:1 F4 | G4:1.5 F4:.5 G4:1 "
AULD_LANG_SYNE = (116, [
    (s.accordion, "C4:1 | F4:1.5 E4:.5 F4:1 A4 | G4:1.5 F4:.5 G4:1 A4 | F4:1.5 F4:.5 A4:1 C5 | D5:3 D5:1 |" + _SYNE
     + "A4 | F4:1.5 D4:.5 D4:1 C4 | F4:3 D5:1 |" + _SYNE + "D5 | C5:1.5 A4:.5 A4:1 C5 | D5:3 D5:1 |" + _SYNE
     + "A4 | F4:1.5 D4:.5 D4:1 C4 | F4:5", 0.9, 0.2),
    (s.bass, "r:1 " + chords("F:2 F:2 C:2 C:2 F:2 F:2 Bb:4 F:4 C:4 Bb:2 C:2 F:4 F:4 C:4 F:4 Bb:4 F:4 C:4 Bb:2 C:2 F:4")[1],
     0.9, -0.2),
    (s.guitar, "r:1 " + strummed("F:4 C:4 F:4 Bb:4 F:4 C:4 Bb:2 C:2 F:4 F:4 C:4 F:4 Bb:4 F:4 C:4 Bb:2 C:2 F:4", 1), 0.35, -0.5),
], 0.15)

_PEDLARS = """E5:1 B4:.5 C5 D5:1 C5:.5 B4 | A4:1 A4:.5 C5 E5:1 D5:.5 C5 | B4:1.5 C5:.5 D5:1 E5 | C5 A4 A4:2
 | r:.5 D5:1 F5:.5 A5:1 G5:.5 F5 | E5:1.5 C5:.5 E5:1 D5:.5 C5 | B4:1 B4:.5 C5 D5:1 E5 | C5 A4 A4:2 | """
_PEDLARS_BASS = "E2:.5 E3 " * 4 + "A2 A3 " * 4 + "E2 E3 " * 4 + "A2 A3 " * 4 + "D2 D3 " * 4 + "C3 C4 " * 4 + \
                "E2 E3 " * 4 + "A2 A3 " * 4
KOROBEINIKI = ((118, 168), [
    (s.accordion, _PEDLARS * 2, 0.9, 0.25),
    (s.bass, _PEDLARS_BASS * 2, 1.0, 0.0),
    (s.guitar, strummed("E:4 Am:4 E:4 Am:4 Dm:4 C:4 E:4 Am:4 " * 2, .5), 0.35, -0.4),
], 0.12)

_JASMINE = "E4:1 E4:.5 G4 A4 C5 C5 A4 | G4:1 G4:.5 A4 G4:2 | "
MO_LI_HUA = (102, [
    (s.erhu, _JASMINE * 2 + """G4:1 G4 G4 E4:.5 G4 | A4:1 A4 G4:2 | E4:1 D4:.5 E4 G4:1 E4:.5 D4 | C4:1 C4:.5 D4 C4:2
     | E4:.5 D4 C4 E4 D4:1.5 E4:.5 | G4:1 A4:.5 C5 G4:2 | D4:1 E4:.5 G4 D4 E4 C4 A3 | G3:2 A3:1 C4
     | D4:1.5 E4:.5 C4 D4 C4 A3 | G3:4""", 0.9, 0.1),
    (s.koto, """C3:1 G3 C4 G3 | G2 D3 G3 D3 | C3 G3 C4 G3 | G2 D3 G3 D3 | E3 G3 C4 G3 | A2 E3 A3 E3 | C3 G3 C4 G3
     | C3 G3 C4 G3 | A2 E3 A3 E3 | G2 D3 G3 D3 | G2 D3 G3 D3 | E3 G3 A3 G3 | D3 A3 D4 A3 | G2 D3 G3:2""", 0.7, -0.3),
], 0.2)

_PASS = "F4:1.5 G4:.5 F4 G4 | "
_PASS_END = "A4:.5 G4 F4 D4 C4 D4 | F4:1.5 G4:.5 F4:1 | F4:3 | "
ARIRANG = (94, [
    (s.flute, "C4:1.5 D4:.5 C4 D4 |" + _PASS + "A4:1 G4:.5 A4 F4 D4 | C4:1.5 D4:.5 C4 D4 |" + _PASS + _PASS_END
     + "C5:2 C5:1 | C5 A4 G4 | A4 G4:.5 A4 F4 D4 | C4:1.5 D4:.5 C4 D4 |" + _PASS + _PASS_END, 1.0, 0.0),
    (s.guitar, "F2:1 C3 F3 | F2 C3 F3 | D3 A3 D4 | C3 G3 C4 | F2 C3 F3 | D3 A3 D4 | C3 G3 C4 | F2 C3 F3 " * 2, 0.8, 0.3),
    (s.kick, "C2:1.5 C2:.5 C2:1 " * 16, 0.35, -0.2),
], 0.25)

_CHERRY = "A4:1 B4 C5 B4 | A4 B4:.5 A4 F4:2 | E4:1 C4 E4 F4 | E4 E4:.5 C4 B3:2 | "
SAKURA = (104, [
    (s.koto, "A4:1 A4 B4:2 | A4:1 A4 B4:2 |" + _CHERRY * 2 + "A4:1 A4 B4:2 | A4:1 A4 B4:2 | E4:1 F4 B4:.5 A4 F4:1 | E4:4",
     1.0, 0.1),
    (s.koto, "A2:2 E3 | A2 E3 | F3 E3 | D3 F3 | C3 A2 | C3 B2 | F3 E3 | D3 F3 | C3 A2 | C3 B2 | A2 E3 | A2 E3 "
     "| F3 D3 | E2+E3:4", 0.8, -0.3),
], 0.2)

_NAGILA = "E4:1 E4:1.5 G#4:.5 F4 E4 | G#4:1 G#4:1.5 B4:.5 A4 G#4 | A4:1 A4:1.5 C5:.5 B4 A4 | G#4:1 F4 E4:2 | "
_NERANENA = "G#4:.5 G#4:1 F4:.5 E4:1 E4 | F4:.5 F4:1 E4:.5 D4:1 D4 | D4:.5 F4:1 E4:.5 D4:1 F4 | E4:4 | "
_URU = "A4:2 A4 | A4:.5 A4 C5 B4 A4 C5 B4 A4 | A4 A4 C5 B4 A4 C5 B4 A4 | B4 B4 D5 C5 B4 D5 C5 B4 " \
       "| B4 B4 D5 C5 B4 D5 C5 B4 | E5:2 E5 | D5:1 C5:.5 B4 A4:2 | "
HAVA_NAGILA = ((124, 156), [
    (s.clarinet, _NAGILA * 2 + _NERANENA + _URU, 1.0, 0.2),
    (s.bass, "E2:1 B2 " * 4 + "A2 E3 A2 E3 E2 B2 E2 B2 " + "E2 B2 " * 4 + "A2 E3 A2 E3 E2 B2 E2 B2 "
     + "E2 B2 E2 B2 D3 A2 D3 A2 D3 A2 D3 A2 E2 B2 E2 B2 " + "A2 E3 " * 6 + "E2 B2 " * 4 + "E2 B2 E2 B2 A2 E3 A2:2", 0.9, -0.1),
    (s.accordion, strummed("E:8 Am:4 E:4 E:8 Am:4 E:4 E:4 Dm:4 Dm:4 E:4 Am:12 E:8 E:4 Am:4", 1), 0.25, -0.4),
], 0.15)

_ROACH = "r:.5 C4 C4 C4 F4:1.5 A4:.5 | A4:.5 C4 C4 C4 F4:1.5 A4:.5 | "
CUCARACHA = (128, [
    (s.trumpet, (_ROACH + "r:1 F4:1 F4:.5 E4 E4 D4 | D4 C4:3.5 | r:.5 C4 C4 C4 E4:1.5 G4:.5 | G4:.5 C4 C4 C4 E4:1.5 G4:.5 "
     "| r:1 C5:1 D5:.5 C5 Bb4 A4 | G4 F4:3.5 | ") * 2, 0.8, 0.1),
    (s.lead, ("F2:.5 r F3 F2 r F3 F2 r " * 3 + "C2:.5 r C3 C2 r C3 C2 r " * 4
     + "F2:.5 r F3 F2 r F3 F2 r ") * 2, 0.5, 0.0),
    (s.kick, "C2:1 " * 64, 0.9, 0.0),
    (s.hat, "r:.5 C6 " * 64, 0.5, 0.4),
], 0.05)

_BROTHER = "C4:1 D4 Eb4 C4 | C4 D4 Eb4 C4 | Eb4 F4 G4:2 | Eb4:1 F4 G4:2 | G4:.5 Ab4 G4 F4 Eb4:1 C4 " \
           "| G4:.5 Ab4 G4 F4 Eb4:1 C4 | C4 G3 C4:2 | C4:1 G3 C4:2 | "
FRERE_JACQUES = (118, [
    (s.musicbox, _BROTHER + "r:24", 1.0, -0.5),
    (s.lead, "r:8 " + _BROTHER + "r:16", 0.5, 0.5),
    (s.musicbox, "r:16 " + _BROTHER.replace("4", "5").replace("3", "4") + "r:8", 0.7, 0.0),
    (s.bass, "C2:1.5 C2:.5 G2:1 C3 " * 14, 0.8, 0.0),
    (s.kick, "r:8 " + "C2:1 " * 48, 0.8, 0.0),
    (s.hat, "r:16 " + "r:.5 C6 " * 40, 0.4, -0.3),
], 0.2)

_VIBURNUM = "E5:1 | D5 B4:.5 C5 | D5:1 B4:.5 C5 | D5:1 C5:.5 B4 | A4:1 E5 | D5 B4:.5 C5 | D5:1 B4:.5 C5 | D5:1 C5:.5 B4 | A4:1 "
_VIBURNUM_BASS = "E2:.5 B2 E2 B2 " * 3 + "A2 E3 A2 E3 " + "E2 B2 E2 B2 " * 3 + "A2 E3 A2 E3 "
KALINKA = ((84, 190), [
    (s.strings, "r:32 " + _VIBURNUM * 2, 0.7, 0.3),
    (s.guitar, _VIBURNUM * 4, 0.9, -0.2),
    (s.accordion, "r:16 " + strummed("E:7 Am:1 E:7 Am:1 " * 3, 1), 0.25, 0.5),
    (s.bass, "r:1 " + _VIBURNUM_BASS * 4, 0.9, 0.0),
], 0.15)

_PEACE = "G4:1.5 A4:.5 G4:1 | E4:3 | "
SILENT_NIGHT = (122, [
    (s.musicbox, _PEACE * 2 + "D5:2 D5:1 | B4:3 | C5:2 C5:1 | G4:3 | " + ("A4:2 A4:1 | C5:1.5 B4:.5 A4:1 | " + _PEACE) * 2
     + "D5:2 D5:1 | F5:1.5 D5:.5 B4:1 | C5:3 | E5:3 | C5:1 G4 E4 | G4:1.5 F4:.5 D4:1 | C4:6", 1.0, 0.2),
    (s.strings, chords("C:12 G:6 C:6 F:6 C:6 F:6 C:6 G:6 C:6 C:3 G:3 C:6")[0], 0.45, -0.2),
    (s.bass, chords("C:6 C:6 G:6 C:6 F:6 C:6 F:6 C:6 G:6 C:6 C:3 G:3 C:6")[1], 0.6, 0.0),
], 0.3)

WESTMINSTER = (54, [
    (s.bell, """E4:.75 G#4 F#4 B3:1.5 | E4:.75 F#4 G#4 E4:1.5 | G#4:.75 E4 F#4 B3:1.5 | B3:.75 F#4 G#4 E4:2.25
     | E3:3 | E3:3""", 1.0, 0.0),
], 0.2)

_GRACE = "G4:2 B4:.5 G4 | B4:2 A4:1 | "
AMAZING_GRACE = (104, [
    (s.accordion, "D4:1 |" + _GRACE + "G4:2 E4:1 | D4:2 D4:1 |" + _GRACE + "D5:5 B4:1 | D5:2 B4:.5 G4 | B4:2 A4:1 "
     "| G4:2 E4:1 | D4:2 D4:1 |" + _GRACE + "G4:5", 0.9, 0.0),
    (s.strings, "r:1 G3+D4:48", 0.35, 0.0),
], 0.2)

_GROUND = "D3:2 A2 B2 F#2 G2 D2 G2 A2 "
CANON = (96, [
    (s.strings, "r:16 F#5:2 E5 D5 C#5 B4 A4 B4 C#5 | D5+F#5:2 C#5+E5 B4+D5 A4+C#5 G4+B4 F#4+A4 G4+B4 E4+C#5 "
     "| D5:1 F#5 A5 G5 F#5 D5 F#5 E5 D5 B4 D5 A4 G4 B4 A4 G4", 0.8, 0.2),
    (s.organ, _GROUND * 4, 0.7, -0.2),
    (s.harpsichord, arpeggio("D:2 A:2 Bm:2 F#m:2 G:2 D:2 G:2 A:2 " * 4, .5), 0.6, 0.4),
], 0.2)
