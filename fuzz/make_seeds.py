#!/usr/bin/env python3
"""Writes the seeds of the corpora of json, safetensors, container and rans (docs/format.md).

Run in this folder. What the fuzzers found later lies beside the seeds under names of digits.
"""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def save(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def safetensors(tensors, metadata=None, pad=True):
    """tensors: name -> (dtype, shape, bytes)."""
    header = {}
    if metadata:
        header["__metadata__"] = metadata
    data = b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    if pad:
        text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data


def pack(rows, bits):
    packed = b""
    for row in rows:
        number = sum(index << (i * bits) for i, index in enumerate(row))
        packed += number.to_bytes((len(row) * bits + 7) // 8, "little")
    return packed


def rans(indices, frequencies):
    start = [sum(frequencies[:s]) for s in range(len(frequencies))]
    states, words = [65536] * 4, []
    for j in reversed(range(len(indices))):
        x, s = states[j % 4], indices[j]
        if x >= (frequencies[s] << 20):
            words.append(x & 0xFFFF)
            x >>= 16
        states[j % 4] = (x // frequencies[s] << 12) + x % frequencies[s] + start[s]
    return (struct.pack(f"<{len(frequencies)}H", *frequencies) + struct.pack("<4I", *states)
            + struct.pack(f"<{len(words)}H", *reversed(words)))


def json_seeds():
    save("json", "values", b'{"a":[1,-2.5e3,true,false,null,"x"],"b":{}}')
    save("json", "escapes", rb'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"')
    save("json", "utf8", '"é€😀"'.encode())
    save("json", "numbers", b"[0,-0,9223372036854775808,1e-400,0.1]")
    save("json", "deep", b"[" * 17 + b"]" * 17)
    save("json", "twice", b'{"a":1,"a":2}')


def safetensors_seeds():
    save("safetensors", "two", safetensors({"a": ("U8", [3], b"abc"), "b": ("F32", [1], b"\0" * 4)},
                                           {"k": "v"}))
    save("safetensors", "empty", safetensors({}))
    save("safetensors", "scalar", safetensors({"s": ("I64", [], b"\1" * 8), "e": ("F16", [0, 2], b"")},
                                              pad=False))
    hole = safetensors({"a": ("U8", [1], b"a")}) + b"b"
    save("safetensors", "after-last", hole)
    save("safetensors", "huge-length", b"\xff" * 8 + b"{}")


def container_seeds():
    preprocessing = {"height_px": 32, "width_px": 32, "resize": "stretch", "shorter_side_px": 32,
                     "channel_order": "rgb", "mean": [0.5, 0.5, 0.5], "stddev": [0.25, 0.25, 0.25]}

    def metadata(layers):
        return {"deixis.format": "1", "deixis.architecture": "resnet20-cifar",
                "deixis.task": "classify", "deixis.class_names": '["cat","dog"]',
                "deixis.preprocessing": json.dumps(preprocessing),
                "deixis.layers": json.dumps(layers)}

    rows = [[0, 1, 2, 3, 2, 1], [3, 3, 3, 0, 0, 0]]
    parts = {"l.codebook": ("I8", [1, 4], bytes([128, 255, 0, 127])),
             "l.scale": ("F32", [2], struct.pack("<2f", 0.5, 2.0))}
    layer = {"storage": "palettized", "shape": [2, 6], "centroids": 4, "group_rows": 2}
    save("container", "packed", safetensors(
        {"l.indices": ("U8", [4], pack(rows, 2)), **parts}, metadata({"l": layer})))
    three = {"storage": "palettized", "shape": [2, 2, 1, 3], "centroids": 3, "group_rows": 1}
    save("container", "three-centroids", safetensors(
        {"l.indices": ("U8", [4], pack([[0, 1, 2, 2, 1, 0]] * 2, 2)),
         "l.codebook": ("F32", [2, 3], struct.pack("<6f", -1, 0, 1, -2, 0, 2)),
         "l.scale": parts["l.scale"]}, metadata({"l": three})))
    long_rows = [0, 0, 1, 0, 2, 0, 0, 3] * 6
    stream = rans(long_rows, [2560, 512, 512, 512])
    coded = {"storage": "palettized-rans", "shape": [2, 24], "centroids": 4, "group_rows": 2}
    save("container", "entropy-coded", safetensors(
        {"l.indices_rans": ("U8", [len(stream)], stream), **parts}, metadata({"l": coded})))
    save("container", "beyond-codebook", safetensors(
        {"l.indices": ("U8", [4], pack([[3] * 6] * 2, 2)),
         "l.codebook": ("F16", [1, 3], b"\0" * 6), "l.scale": parts["l.scale"]},
        metadata({"l": {**three, "shape": [2, 6], "group_rows": 2}})))


def rans_seeds():
    stream = rans([0, 0, 1, 0, 2, 0, 0, 3] * 6, [2560, 512, 512, 512])
    save("rans", "decode", bytes([2, 1, 48, 0]) + stream)
    save("rans", "decode-too-many", bytes([2, 1, 255, 255]) + stream)
    save("rans", "encode", bytes([14, 0, 0, 0]) + bytes(range(64)) * 2)
    save("rans", "constant", bytes([0, 0, 0, 0]) + b"\1" * 200)


json_seeds()
safetensors_seeds()
container_seeds()
rans_seeds()
