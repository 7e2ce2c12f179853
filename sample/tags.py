"""Writes what a track's tags say, each container in its own way."""

import base64

from mutagen.flac import FLAC, Picture
from mutagen.id3 import (APIC, ID3, IPLS, TALB, TCMP, TCOM, TCON, TDRC, TEXT, TIT2, TLAN, TMCL, TPE1, TPE2, TPE4, TPOS, TPUB,
                         TRCK, TSRC, WCOP)
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

MIME = {"png": "image/png", "jpg": "image/jpeg"}


def _picture(path):
    picture = Picture()
    picture.type, picture.mime, picture.desc = 3, MIME[path.suffix[1:]], "Front cover"
    picture.width = picture.height = 400
    picture.depth, picture.data = 24, path.read_bytes()
    return picture


def _vorbis(audio, meta, art):
    for key, name in (("title", "TITLE"), ("albumartist", "ALBUMARTIST"), ("album", "ALBUM"), ("date", "DATE"),
                      ("track", "TRACKNUMBER"), ("tracktotal", "TRACKTOTAL"), ("disc", "DISCNUMBER"),
                      ("disctotal", "DISCTOTAL"), ("genre", "GENRE"), ("lyricist", "LYRICIST"), ("remixer", "REMIXER"),
                      ("isrc", "ISRC"), ("label", "LABEL"), ("language", "LANGUAGE"), ("licence", "LICENSE")):
        if key in meta:
            audio[name] = str(meta[key])
    audio["ARTIST"] = meta["artist"]
    audio["COMPOSER"] = meta["composer"]
    if "performer" in meta:
        audio["PERFORMER"] = [f"{who} ({role})" for who, role in meta["performer"]]
    if "cover" in meta:
        picture = _picture(art[meta["cover"]])
        if isinstance(audio, FLAC):
            audio.add_picture(picture)
        else:
            audio["METADATA_BLOCK_PICTURE"] = base64.b64encode(picture.write()).decode()
    audio.save()


def _id3(tag, meta, art):
    def text(frame, key, value=None):
        if key in meta:
            tag.add(frame(encoding=1 if meta["id3"] == 3 else 3, text=value or [str(meta[key])]))

    text(TIT2, "title")
    text(TPE1, "artist", meta["artist"])
    text(TPE2, "albumartist")
    text(TPE4, "remixer")
    text(TALB, "album")
    text(TDRC, "date")
    text(TRCK, "track", [f"{meta['track']}/{meta['tracktotal']}"])
    if "disc" in meta:
        text(TPOS, "disc", [f"{meta['disc']}/{meta['disctotal']}"])
    text(TCOM, "composer", meta["composer"])
    text(TEXT, "lyricist")
    text(TSRC, "isrc")
    text(TCON, "genre")
    text(TPUB, "label")
    text(TLAN, "language")
    if meta.get("compilation"):
        text(TCMP, "compilation", ["1"])
    if "performer" in meta:
        people = [[role, who] for who, role in meta["performer"]]
        tag.add(IPLS(encoding=1, people=people) if meta["id3"] == 3 else TMCL(encoding=3, people=people))
    if "licence" in meta:
        tag.add(WCOP(url=meta["licence"]))
    if "cover" in meta:
        picture = _picture(art[meta["cover"]])
        tag.add(APIC(encoding=0, mime=picture.mime, type=3, desc=picture.desc, data=picture.data))


def _mp4(audio, meta, art):
    audio["\xa9nam"], audio["\xa9ART"], audio["aART"] = meta["title"], meta["artist"], meta["albumartist"]
    audio["\xa9alb"], audio["\xa9day"], audio["\xa9wrt"] = meta["album"], meta["date"], meta["composer"]
    audio["\xa9gen"] = meta["genre"]
    audio["trkn"] = [(meta["track"], meta["tracktotal"])]
    for key, name in (("isrc", "ISRC"), ("lyricist", "LYRICIST")):
        audio[f"----:com.apple.iTunes:{name}"] = MP4FreeForm(meta[key].encode())
    cover = art[meta["cover"]]
    kind = MP4Cover.FORMAT_JPEG if cover.suffix == ".jpg" else MP4Cover.FORMAT_PNG
    audio["covr"] = [MP4Cover(cover.read_bytes(), kind)]
    audio.save()


def write(path, meta, art):
    """Writes the tags of one file; `art` maps cover names to picture files."""
    match path.suffix:
        case ".flac":
            _vorbis(FLAC(path), meta, art)
        case ".ogg":
            _vorbis(OggVorbis(path), meta, art)
        case ".opus":
            _vorbis(OggOpus(path), meta, art)
        case ".m4a":
            _mp4(MP4(path), meta, art)
        case ".mp3":
            tag = ID3()
            _id3(tag, meta, art)
            if meta["id3"] == 3:
                tag.update_to_v23()
            tag.save(path, v1=0, v2_version=meta["id3"])
        case ".wav":
            audio = WAVE(path)
            audio.add_tags()
            _id3(audio.tags, meta, art)
            audio.save()
