"""Write a llama-architecture GGUF (version 3) with numpy alone."""

import struct

import numpy as np

ALIGN = 32
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
KIND = {"f32": 0, "f16": 1, "q8_0": 8}
FILE_TYPE = {"f32": 0, "f16": 1, "q8_0": 7}

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def field(key, value):
    """Encode one key with its typed value."""
    head = text(key)
    if isinstance(value, bool):
        return head + struct.pack("<I?", BOOL, value)
    if isinstance(value, int):
        return head + struct.pack("<II", U32, value)
    if isinstance(value, float):
        return head + struct.pack("<If", F32, value)
    if isinstance(value, str):
        return head + struct.pack("<I", STRING) + text(value)
    if isinstance(value[0], str):
        body = b"".join(text(v) for v in value)
        return head + struct.pack("<IIQ", ARRAY, STRING, len(value)) + body
    body = struct.pack(f"<{len(value)}i", *value)
    return head + struct.pack("<IIQ", ARRAY, I32, len(value)) + body


def q8_0(array):
    """Quantise rows in blocks of 32: one f16 scale, 32 signed bytes."""
    blocks = array.reshape(-1, 32).astype(np.float32)
    scale = np.abs(blocks).max(axis=1) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    quants = np.rint(blocks * inverse[:, None]).astype(np.int8)
    out = np.zeros(len(blocks), dtype=[("d", "<f2"), ("q", "i1", 32)])
    out["d"], out["q"] = scale, quants
    return out.tobytes()


def encode(array, kind):
    if kind == "q8_0":
        return q8_0(array)
    return array.astype("<f2" if kind == "f16" else "<f4").tobytes()


def write(path, tensors, tokenizer, shape, kind, about):
    """Write `tensors` (name to numpy array) to `path`; one-dimensional ones stay f32."""
    tokens = tokenizer.tokens
    end = tokenizer.special["<|end|>"]
    special = set(tokenizer.special.values())
    fields = {
        "general.architecture": "llama",
        "general.name": about["name"],
        "general.description": about["description"],
        "general.license": "mit",
        "general.file_type": FILE_TYPE[kind],
        "llama.block_count": shape["layers"],
        "llama.context_length": shape["context"],
        "llama.embedding_length": shape["dim"],
        "llama.feed_forward_length": shape["ff"],
        "llama.attention.head_count": shape["heads"],
        "llama.attention.head_count_kv": shape["heads"],
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": shape["dim"] // shape["heads"],
        "llama.rope.freq_base": float(shape["rope"]),
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokens))],
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": end,
        "tokenizer.ggml.eos_token_id": end,
        "tokenizer.ggml.padding_token_id": end,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(fields))
    head += b"".join(field(k, v) for k, v in fields.items())
    data = b""
    for name, array in tensors.items():
        form = kind if array.ndim > 1 else "f32"
        dims = array.shape[::-1]
        head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, KIND[form], len(data))
        blob = encode(np.ascontiguousarray(array), form)
        data += blob + bytes(-len(blob) % ALIGN)
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % ALIGN) + data)
