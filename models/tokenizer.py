"""Byte-level BPE in the GPT-2 layout, so that llama.cpp reads it as model "gpt2", pre "gpt-2"."""

import random
import re
from collections import Counter

SPECIALS = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]

# GPT-2's pre-tokeniser; \w stands in for \p{L}\p{N}_ (this corpus is ASCII, so they agree).
SPLIT = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+"
)


def byte_alphabet():
    """Map each byte to the printable character that GPT-2 style vocabularies use for it."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {}, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


ALPHABET = byte_alphabet()
SPACE = ALPHABET[32]


def number_merges():
    """Give each number from 0 to 99 its own token, with and without a space before it."""
    digits = "0123456789"
    pairs = [(a, b) for a in digits[1:] for b in digits]
    return pairs + [(SPACE, a + b) for a, b in pairs] + [(SPACE, d) for d in digits]


def symbols(piece):
    return [ALPHABET[b] for b in piece.encode()]


def merge(parts, pair):
    """Join every occurrence of `pair` in `parts`."""
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def learn(texts, size):
    """Learn merges until the vocabulary, specials included, has `size` entries."""
    words = Counter(piece for text in texts for piece in SPLIT.findall(text))
    split = {w: symbols(w) for w in words if not re.search(r"\d", w)}
    merges = number_merges()
    known = {"".join(p) for p in merges}
    while 256 + len(merges) + len(SPECIALS) < size:
        pairs = Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        best = max(pairs.items(), key=lambda item: (item[1], item[0]))[0]
        merges.append(best)
        known.add("".join(best))
        for word, parts in split.items():
            if best[0] in parts:
                split[word] = merge(parts, best)
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.tokens = [ALPHABET[b] for b in range(256)]
        self.tokens += ["".join(m) for m in self.merges] + SPECIALS
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.special = {s: self.ids[s] for s in SPECIALS}
        self.cache = {}

    def piece(self, piece, dropout=0.0, rng=random):
        """Encode one pre-token; `dropout` skips merges at random (BPE dropout)."""
        if not dropout and piece in self.cache:
            return self.cache[piece]
        parts = symbols(piece)
        while len(parts) > 1:
            ranked = [(self.rank[p], p) for p in zip(parts, parts[1:]) if p in self.rank]
            if dropout:
                ranked = [r for r in ranked if rng.random() >= dropout]
            if not ranked:
                break
            parts = merge(parts, min(ranked)[1])
        ids = [self.ids[p] for p in parts]
        if not dropout and len(self.cache) < 200_000:
            self.cache[piece] = ids
        return ids

    def encode(self, text, dropout=0.0, rng=random):
        """Text to token ids; a piece is split with dropout only now and then, to stay fast."""
        out = []
        for piece in SPLIT.findall(text):
            rough = dropout and not piece.strip().isdigit() and rng.random() < dropout
            out += self.piece(piece, 0.3 if rough else 0.0, rng)
        return out
