#!/usr/bin/env python3
"""Renders the sample collection anew. Nobody needs to: its results are committed beside this script.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install numpy==2.4.6 mutagen==1.48.1
    /tmp/v/bin/python sample/render.py            # needs flac, oggenc, opusenc, lame and ffmpeg on the PATH

The samples are the same on every run; the coded files are the same for the same versions of the encoders.
"""

import json
import random
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
import covers
import scores
import synth
import tags

HERE = Path(__file__).resolve().parent
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
BY = "https://creativecommons.org/licenses/by/4.0/"
BY_NC_ND = "https://creativecommons.org/licenses/by-nc-nd/4.0/"

KEYS = dict(artist=["Clara Monte"], albumartist="Clara Monte", album="Teclas Antiguas", date="2019-05-14", tracktotal=3,
            label="Patio Records", genre="Classical", licence=CC0)
HOME = dict(artist=["Harbour Lights"], albumartist="Harbour Lights", album="The Long Way Home", date="2021", tracktotal=2,
            disctotal=2, composer=["Traditional"], genre="Folk", licence=BY, cover="home.png",
            performer=[("Ines Calder", "flute"), ("Tom Aldous", "guitar")])
ROAD = dict(albumartist="Various Artists", album="Songs Along the Road", date="2022-09-01", tracktotal=5, compilation=True,
            composer=["Traditional"], genre="World", cover="road.jpg", label="Crossroads")
REMIX = dict(albumartist="DJ Faro", album="Recuerdos Remezclados", date="2023-11-30", tracktotal=2, remixer="DJ Faro",
             composer=["Traditional"], genre="Electronic", licence=BY_NC_ND, cover="remix.png")

# Every file: path, score, sample rate, channels, what its tags say.
PIECES = [
    ("Clara Monte/Teclas Antiguas (2019)/01 Minuet in G.flac", scores.MINUET, 22050, 1,
     KEYS | dict(track=1, title="Minuet in G", composer=["Christian Petzold"], isrc="ZZFN11900001",
                 performer=[("Clara Monte", "harpsichord")])),
    ("Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac", scores.FUR_ELISE, 32000, 2,
     KEYS | dict(track=2, title="Für Elise", composer=["Ludwig van Beethoven"], isrc="ZZFN11900002",
                 performer=[("Clara Monte", "piano")])),
    ("Clara Monte/Teclas Antiguas (2019)/03 Ode to Joy.flac", scores.ODE_TO_JOY, 32000, 1,
     KEYS | dict(track=3, title="Ode to Joy", composer=["Ludwig van Beethoven"], lyricist="Friedrich Schiller",
                 isrc="ZZFN11900003", performer=[("Clara Monte", "organ"), ("Cuarteto del Patio", "strings")])),
    ("Harbour Lights/The Long Way Home (2021)/Disc 1/01 Greensleeves.ogg", scores.GREENSLEEVES, 44100, 2,
     HOME | dict(disc=1, track=1, title="Greensleeves", isrc="ZZFN22100001")),
    ("Harbour Lights/The Long Way Home (2021)/Disc 1/02 Scarborough Fair.ogg", scores.SCARBOROUGH, 44100, 2,
     HOME | dict(disc=1, track=2, title="Scarborough Fair", isrc="ZZFN22100002")),
    ("Harbour Lights/The Long Way Home (2021)/Disc 2/01 Londonderry Air.ogg", scores.LONDONDERRY, 44100, 2,
     HOME | dict(disc=2, track=1, title="Londonderry Air", isrc="ZZFN22100003")),
    ("Harbour Lights/The Long Way Home (2021)/Disc 2/02 Auld Lang Syne.ogg", scores.AULD_LANG_SYNE, 44100, 2,
     HOME | dict(disc=2, track=2, title="Auld Lang Syne", isrc="ZZFN22100004", lyricist="Robert Burns")),
    ("Various Artists/Songs Along the Road (2022)/01 Коробейники.mp3", scores.KOROBEINIKI, 32000, 2,
     ROAD | dict(id3=3, track=1, title="Коробейники", artist=["Северный ветер"], lyricist="Николай Некрасов",
                 isrc="ZZFN32200001", licence=BY, language="rus", performer=[("Анна Белова", "accordion")])),
    ("Various Artists/Songs Along the Road (2022)/02 茉莉花.mp3", scores.MO_LI_HUA, 32000, 2,
     ROAD | dict(id3=3, track=2, title="茉莉花", artist=["江南小调"], isrc="ZZFN32200002", licence=CC0, language="zho",
                 performer=[("林小雨", "erhu"), ("陈一鸣", "guzheng")])),
    ("Various Artists/Songs Along the Road (2022)/03 아리랑.mp3", scores.ARIRANG, 32000, 2,
     ROAD | dict(id3=3, track=3, title="아리랑", artist=["한강 앙상블"], isrc="ZZFN32200003", language="kor")),
    ("Various Artists/Songs Along the Road (2022)/04 さくら.mp3", scores.SAKURA, 32000, 2,
     ROAD | dict(id3=3, track=4, title="さくら", artist=["桜合奏団"], isrc="ZZFN32200004", licence=BY_NC_ND, language="jpn",
                 performer=[("森 美咲", "koto")])),
    ("Various Artists/Songs Along the Road (2022)/05 הבה נגילה.mp3", scores.HAVA_NAGILA, 32000, 2,
     ROAD | dict(id3=3, track=5, title="הבה נגילה", artist=["תזמורת הכרם"], isrc="ZZFN32200005", licence=BY,
                 language="heb")),
    ("DJ Faro/Recuerdos Remezclados (2023)/01 La Cucaracha (DJ Faro Remix).mp3", scores.CUCARACHA, 32000, 2,
     REMIX | dict(id3=4, track=1, title="La Cucaracha (DJ Faro Remix)", artist=["Los Caminantes", "DJ Faro"],
                  isrc="ZZFN42300001", performer=[("Luis Prado", "trumpet")])),
    ("DJ Faro/Recuerdos Remezclados (2023)/02 Frère Jacques (Night Mix).mp3", scores.FRERE_JACQUES, 32000, 2,
     REMIX | dict(id3=4, track=2, title="Frère Jacques (Night Mix)", artist=["Éloïse Martin", "DJ Faro"],
                  isrc="ZZFN42300002")),
    ("Ансамбль «Аврора»/Калинка (2020)/01 Калинка.opus", scores.KALINKA, 48000, 2,
     dict(track=1, tracktotal=1, title="Калинка", artist=["Ансамбль «Аврора»"], albumartist="Ансамбль «Аврора»",
          album="Калинка", date="2020-02-02", composer=["Иван Ларионов"], isrc="ZZFN52000001", licence=CC0, language="rus",
          genre="Folk", performer=[("Пётр Зимин", "balalaika")], cover="aurora.jpg")),
    ("Lumen Duo/Evening Songs (2018)/01 Silent Night.m4a", scores.SILENT_NIGHT, 44100, 2,
     dict(track=1, tracktotal=1, title="Silent Night", artist=["Lumen Duo"], albumartist="Lumen Duo",
          album="Evening Songs", date="2018-12-01", composer=["Franz Xaver Gruber"], lyricist="Joseph Mohr",
          isrc="ZZFN61800001", genre="Classical", cover="evening.jpg")),
    ("Tower Recorders/Bells (2017)/01 Westminster Quarters.wav", scores.WESTMINSTER, 16000, 1,
     dict(id3=4, track=1, tracktotal=1, title="Westminster Quarters", artist=["Tower Recorders"], album="Bells",
          albumartist="Tower Recorders", date="2017", composer=["William Crotch"], isrc="ZZFN71700001", licence=CC0)),
    # The awkward ones: the same recording once more in another codec, no tags at all, cut off in the middle.
    ("Clara Monte/Selected Recordings (2024)/01 Ode to Joy.opus", scores.ODE_TO_JOY, 32000, 1,
     KEYS | dict(track=1, tracktotal=1, title="Ode to Joy", album="Selected Recordings", date="2024-01-15",
                 composer=["Ludwig van Beethoven"], isrc="ZZFN11900003")),
    ("Unsorted/Track01.mp3", scores.AMAZING_GRACE, 32000, 1, None),
    ("Unsorted/Canon in D (interrupted download).flac", scores.CANON, 22050, 1,
     dict(title="Canon in D", artist=["Cuarteto del Patio"], composer=["Johann Pachelbel"], isrc="ZZFN11900009", licence=CC0,
          cut=0.5)),
]


def write_wave(path, samples, rate):
    dither = np.random.default_rng(1).uniform(-0.5, 0.5, samples.shape)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.round(samples * 32767 + dither).astype("<i2").tobytes())


def encode(wav, target, serial):
    """Codes a wave file the way its name ends; serial numbers are fixed, so that a rerun gives the same bytes."""
    wav, out = str(wav), str(target)
    command = {
        ".flac": ["flac", "--silent", "--force", "-8", "--padding=512", "-o", out, wav],
        ".ogg": ["oggenc", "--quiet", "-q", "1", "--serial", str(serial), "-o", out, wav],
        ".opus": ["opusenc", "--quiet", "--bitrate", "56", "--serial", str(serial), wav, out],
        ".mp3": ["lame", "--silent", "-h", "-b", "64", wav, out],
        ".m4a": ["ffmpeg", "-v", "error", "-y", "-i", wav, "-c:a", "aac", "-b:a", "72k", "-fflags", "+bitexact",
                 "-flags:a", "+bitexact", "-map_metadata", "-1", out],
        ".wav": ["cp", wav, out],
    }[target.suffix]
    subprocess.run(command, check=True)


def listens():
    """Some 300 listens, most of them of a few tracks, in ListenBrainz's form."""
    chance = random.Random(2026)
    tagged = [meta for _, _, _, _, meta in PIECES if meta and "album" in meta]
    order = sorted(tagged, key=lambda meta: (chance.random(), meta["title"]))
    weights = [1 / (rank + 1) ** 1.4 for rank in range(len(order))]
    when = 1_735_689_600
    for _ in range(300):
        when += chance.randint(600, 200_000)
        meta = chance.choices(order, weights)[0]
        yield {
            "listened_at": when,
            "user_name": chance.choice(["amparo", "birgit", "chidi", "daria", "emeka"]),
            "track_metadata": {
                "artist_name": " & ".join(meta["artist"]),
                "track_name": meta["title"],
                "release_name": meta["album"],
                "additional_info": {"isrc": meta["isrc"]},
            },
        }


def main():
    for folder in sorted({Path(path).parts[0] for path, *_ in PIECES}):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    art = covers.render(HERE / "covers.tmp")
    for serial, (path, (tempo, parts, room), rate, channels, meta) in enumerate(PIECES, 1000):
        target = HERE / path
        target.parent.mkdir(parents=True, exist_ok=True)
        title = meta["title"] if meta else target.stem
        samples = synth.render({"title": title, "tempo": tempo, "parts": parts, "room": room}, rate)
        if channels == 1:
            samples = samples.mean(axis=1, keepdims=True)
        wav = HERE / "covers.tmp" / "render.wav"
        write_wave(wav, samples, rate)
        encode(wav, target, serial)
        if meta:
            tags.write(target, meta, art)
        if meta and "cut" in meta:
            content = target.read_bytes()
            target.write_bytes(content[: int(len(content) * meta["cut"])])
        loudness = 20 * np.log10(np.sqrt((samples**2).mean()))
        print(f"{target.stat().st_size:9,} bytes {len(samples) / rate:5.1f} s {loudness:6.1f} dBFS  {path}")
    shutil.copy(art["keys.jpg"], HERE / "Clara Monte/Teclas Antiguas (2019)/cover.jpg")
    shutil.copy(art["bells.png"], HERE / "Tower Recorders/Bells (2017)/folder.png")
    (HERE / "Unsorted/shopping list.mp3").write_text("bread\nolives\ntwo lemons\nstrings for the guitar (0.012)\n")
    with open(HERE / "listens.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in listens())
    shutil.rmtree(HERE / "covers.tmp")


if __name__ == "__main__":
    main()
