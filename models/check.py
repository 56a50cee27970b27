"""Fail if a held-out or dev question can be asked by the training text, word for word.

Walks every question that the corpus can make (each frame with each filler; refusals with
each slot; arithmetic with each frame) and compares normal forms: lower case, no punctuation,
with and without the openers and closers that noise.py puts around a question.
"""

import json
import re
from pathlib import Path

from corpus import FRAMES, all_ways, intents, load, normal
from noise import KINDS, WORDS

HERE = Path(__file__).parent


def templates(rows, fills):
    """The set of all questions, and patterns for the ones with free slots."""
    for row in rows:
        yield re.compile(re.sub(r"\\\{(\w+)\\\}", lambda m: fills(m[1]), re.escape(normal(row.replace("{", "<").replace("}", ">")).replace("<", "{"))))


def bare(question):
    """All readings of a question once an opener and a closer are taken away."""
    text = normal(question)
    out = {text}
    for opener in map(normal, FRAMES["before"]):
        out |= {t[len(opener) + 1 :] for t in list(out) if t.startswith(opener + " ")}
    for closer in map(normal, FRAMES["after"]):
        out |= {t[: -len(closer) - 1] for t in list(out) if t.endswith(" " + closer)}
    return out


def patterns():
    """Refusals and arithmetic as regular expressions over normal forms."""
    data = load("refusals")
    number = "(?:" + "|".join([*WORDS, r"\d+"]) + ")"
    for ask in (way for text in data["asks"] for way in all_ways(text)):
        parts = re.split(r"\{(\w+)\}", ask)
        slots = ["(?:" + "|".join(re.escape(normal(v)) for v in data["slots"].get(n, [])) + "|[a-z]+)" if n != "nonword" else "[a-z]+" for n in parts[1::2]]
        yield parts[0::2], slots
    for asks, _, _ in KINDS:
        for ask in asks:
            parts = re.split(r"\{(\w)\}", ask)
            yield parts[0::2], [number] * len(parts[1::2])


def compiled():
    for texts, slots in patterns():
        out = ""
        for i, text in enumerate(texts):
            out += re.escape(re.sub(r"[^a-z0-9+*/=.' -]+", " ", text.lower()).replace("'", " "))
            out += slots[i] if i < len(slots) else ""
        yield re.compile(re.sub(r"(\\ )+", r"\\s*", out).strip())


def clashes(questions):
    known = {normal(q) for group in intents().values() for intent in group for q in intent.every()}
    known |= {normal(q) for text in load("refusals")["raw"] for q in all_ways(text)}
    shapes = list(compiled())
    for question in questions:
        for reading in bare(question):
            if reading in known or any(s.fullmatch(reading) for s in shapes):
                yield question
                break


def main():
    held = [r["question"] for r in json.loads((HERE / "heldout.json").read_text())]
    dev = [r["question"] for r in json.loads((HERE / "devset.json").read_text())]
    both = {normal(q) for q in held} & {normal(q) for q in dev}
    found = list(clashes(held))
    for question in found:
        print("in the training text:", question)
    for question in both:
        print("in both sets:", question)
    in_dev = len(list(clashes(dev)))
    print(f"{len(held)} held-out questions, {len(found)} of them in the training text; {in_dev} of {len(dev)} dev questions are")
    raise SystemExit(1 if found or both else 0)


if __name__ == "__main__":
    main()
