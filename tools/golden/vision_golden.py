#!/usr/bin/env python3
"""Makes tests/golden/vision: small pictures in every format, and what PIL makes of them.

The pictures come from a seeded generator. images.csv holds, per file, the extents and the FNV-1a
digest of the RGB bytes that PIL decodes (EXIF orientation applied); resize.csv the digests of pictures
that PIL resized, their source being bytes of the same generator in src/base/rng.h. Needs Pillow and
NumPy (oracle only, never at build time):

    python3 tools/golden/vision_golden.py tests/golden/vision
"""

import csv
import io
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

GAMMA = 0x9E3779B97F4A7C15


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in bytes(data):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def random_bytes(count, seed):
    """The upper byte of each word of SplitMix64, as src/base/rng.h."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(56)).astype(np.uint8)


def noise(width, height, seed):
    return Image.fromarray(random_bytes(width * height * 3, seed).reshape(height, width, 3))


def picture(width, height, seed):
    """Soft colours with an edge: something that a codec was made for."""
    small = noise(5, 4, seed).resize((width, height), Image.BICUBIC)
    small.paste((240, 30, 90), (width // 3, height // 4, width // 2, height))
    return small


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) +
            png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def adam7(pixels):
    """Rows of an interlaced 8-bit RGB PNG, filter 0."""
    rows = b""
    for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                           (0, 1, 2, 2), (1, 0, 2, 1)):
        part = pixels[y0::dy, x0::dx]
        if part.shape[1]:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return rows


def save_pictures(folder):
    image = picture(29, 21, 1)
    exif = Image.Exif()

    def save(name, source, **options):
        source.save(folder / name, **options)

    save("color_420.jpg", image, quality=85)
    save("color_422.jpg", image, quality=85, subsampling=1)
    save("color_444.jpg", image, quality=85, subsampling=0)
    save("progressive.jpg", image, quality=80, progressive=True)
    save("grey.jpg", image.convert("L"), quality=85)
    save("cmyk.jpg", image.convert("CMYK"), quality=85)
    for orientation in range(1, 9):
        exif[0x112] = orientation
        save(f"orientation_{orientation}.jpg", image, quality=60, exif=exif)
    save("orientation_6.png", image, exif=exif_of(6))
    save("orientation_5.webp", image, quality=70, exif=exif_of(5))
    save("color.png", image)
    save("grey.png", image.convert("L"))
    save("one_bit.png", image.convert("1"))
    save("palette.png", image.quantize(200))
    save("palette_2_bits_transparent.png", image.quantize(4), bits=2, transparency=1)
    alpha = image.convert("RGBA")
    alpha.putalpha(noise(29, 21, 2).convert("L"))
    save("alpha.png", alpha)
    save("grey_alpha.png", alpha.convert("LA"))
    pixels = np.asarray(noise(29, 21, 3))
    (folder / "interlaced.png").write_bytes(png(29, 21, 8, 2, adam7(pixels), interlace=1))
    deep = random_bytes(29 * 21 * 6, 4).reshape(21, 29 * 6)
    (folder / "sixteen_bits.png").write_bytes(
        png(29, 21, 16, 2, b"".join(b"\0" + row.tobytes() for row in deep)))
    save("lossy.webp", image, quality=80)
    save("lossless.webp", image, lossless=True)
    save("alpha.webp", alpha, quality=80)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def save_bad_files(folder):
    """Files that must be refused."""
    folder.mkdir(exist_ok=True)
    (folder / "bomb.png").write_bytes(png(100_000, 100_000, 8, 2, bytes(4096)))
    (folder / "long.png").write_bytes(png(1_000_000, 1, 8, 2, bytes(64)))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("This is no picture.\n")
    (folder / "page.png").write_text("<!DOCTYPE html>\n<html><body>404</body></html>\n")
    frames = [noise(8, 8, i) for i in range(2)]
    frames[0].save(folder / "animated.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    buffer = io.BytesIO()
    picture(29, 21, 1).save(buffer, "PNG")
    damaged = bytearray(buffer.getvalue())
    damaged[len(damaged) // 2] ^= 0x40
    (folder / "damaged.png").write_bytes(damaged)


def digests_of_pictures(folder):
    rows = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv" or path.is_dir():
            continue
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        rows.append([path.name, image.height, image.width, fnv1a(image.tobytes())])
    return rows


def digests_of_resized():
    rows = []
    seed = 10
    for height, width, to_height, to_width in (
            (1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (7, 5, 7, 5), (2, 3, 3, 2), (37, 53, 37, 20),
            (37, 53, 20, 53), (37, 53, 111, 71), (97, 89, 13, 11), (300, 2, 3, 300), (1, 400, 32, 32),
            (64, 48, 63, 49), (500, 375, 32, 32)):
        seed += 1
        resized = noise(width, height, seed).resize((to_width, to_height), Image.BILINEAR)
        rows.append(["stretch", height, width, seed, to_height, to_width, 0,
                     fnv1a(resized.tobytes())])
    for height, width, size, shorter in (
            (300, 400, 224, 256), (400, 300, 224, 256), (256, 256, 224, 256), (225, 224, 224, 224),
            (33, 500, 32, 40), (500, 33, 32, 40), (31, 32, 32, 32), (101, 103, 24, 27), (3, 7, 15, 16),
            (41, 43, 16, 21), (43, 41, 17, 22)):
        seed += 1
        image = noise(width, height, seed)
        if width < height:
            extents = (shorter, int(shorter * height / width))
        else:
            extents = (int(shorter * width / height), shorter)
        left = int(round((extents[0] - size) / 2.0))
        top = int(round((extents[1] - size) / 2.0))
        cropped = image.resize(extents, Image.BILINEAR).crop((left, top, left + size, top + size))
        rows.append(["shorter_side_crop", height, width, seed, size, size, shorter,
                     fnv1a(cropped.tobytes())])
    return rows


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    save_pictures(folder)
    save_bad_files(folder / "bad")
    write_csv(folder / "images.csv", ["file", "height", "width", "fnv1a"],
              digests_of_pictures(folder))
    write_csv(folder / "resize.csv", ["policy", "height", "width", "seed", "to_height", "to_width",
                                      "shorter_side", "fnv1a"], digests_of_resized())


if __name__ == "__main__":
    main()
