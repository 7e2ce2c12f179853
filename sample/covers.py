"""Covers for the sample: flat shapes, drawn from a formula, so that they are small and ours."""

import struct
import subprocess
import zlib

import numpy as np

SIZE = 400


def _png(path, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def _paint(layers, ground):
    pixels = np.empty((SIZE, SIZE, 3), np.uint8)
    pixels[:] = ground
    for mask, colour in layers:
        pixels[mask] = colour
    return pixels


def render(folder):
    """Draws every cover into `folder`; returns name → path."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    disc = lambda cx, cy, r: (x - cx) ** 2 + (y - cy) ** 2 < r * r
    keys = (x // 40 % 2 == 0) & (y > 220)
    waves = lambda level, step: y > level + 18 * np.sin(x / step)
    angle = np.arctan2(y - 200, x - 200)
    pictures = {
        "keys": _paint([(y > 210, (250, 246, 236)), (keys & (y < 320) & (x % 40 < 26), (32, 30, 36)),
                        (disc(200, 110, 62), (214, 84, 52))], (38, 70, 83)),
        "home": _paint([(disc(290, 110, 48), (255, 221, 130)), (waves(230, 40), (46, 110, 140)),
                        (waves(280, 30), (30, 80, 112)), (waves(330, 50), (16, 50, 78))], (236, 170, 120)),
        "road": _paint([(y > 180, (120, 150, 80)), ((y > 180) & (abs(x - 200) < (y - 180) * 0.7), (70, 70, 74)),
                        ((y > 180) & (abs(x - 200) < (y - 180) * 0.04) & (y // 24 % 2 == 0), (240, 230, 200)),
                        (disc(200, 180, 70) & (y <= 180), (232, 120, 60))], (140, 190, 220)),
        "remix": _paint([((np.hypot(x - 200, y - 200) // 22 % 2 == 0) & (np.hypot(x - 200, y - 200) < 180), (240, 60, 130)),
                         (np.sin(angle * 6) * 90 + 90 > np.hypot(x - 200, y - 200), (60, 220, 220))], (24, 18, 44)),
        "aurora": _paint([(abs(y - 170 - 40 * np.sin(x / (34 + 9 * k))) < 14, (40 + 30 * k, 220 - 30 * k, 140 + 20 * k))
                          for k in range(4)] + [(y > 320 - 60 * abs(np.sin(x / 45)), (12, 24, 32))], (14, 22, 58)),
        "evening": _paint([(disc(120, 120, 50), (250, 246, 220)), (disc(142, 108, 46), (40, 44, 92)),
                           (y > 290 + 40 * np.cos(x / 70), (66, 70, 120)), ((x * 7919 + y * 104729) % 3001 < 1, (250, 250, 250))],
                          (40, 44, 92)),
        "bells": _paint([(abs(x - 200) < 40 + (y - 90) ** 2 / 700, (196, 150, 60)), ((y < 90) | (y > 300), (240, 236, 226)),
                         (disc(200, 312, 24), (120, 86, 30)), ((y > 262) & (y < 276) & (abs(x - 200) < 90), (150, 110, 40))],
                        (240, 236, 226)),
    }
    out = {}
    for name, pixels in pictures.items():
        out[f"{name}.png"] = folder / f"{name}.png"
        _png(out[f"{name}.png"], pixels)
        out[f"{name}.jpg"] = folder / f"{name}.jpg"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(out[f"{name}.png"]), "-q:v", "6", "-bitexact",
                        str(out[f"{name}.jpg"])], check=True)
    return out
