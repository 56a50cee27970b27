"""Train quiver-tiny on the text in corpus/ and write quiver-tiny.gguf.

    /usr/bin/python3 train.py --steps 4000

Needs torch and numpy, one core, no accelerator. The same seed and the same torch build give
the same file. See README.md for the packages and the time it takes.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import gguf
import tokenizer as bpe
from model import Llama, Optimiser
from noise import Source

HERE = Path(__file__).parent
ABOUT = {"name": "quiver-tiny", "description": "The help desk of quiver in a few megabytes."}


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=4000)
    p.add_argument("--seconds", type=float, default=math.inf, help="be done by then with however many steps; not reproducible")
    p.add_argument("--long", type=float, default=0.15, help="share of the steps, the last ones, on long rows")
    p.add_argument("--level", type=float, default=0.4, help="share of the steps before the rate goes down; 1: never")
    p.add_argument("--cut", type=float, default=0.0, help="share of conversations whose last answer ends where it is decided")
    p.add_argument("--row", type=int, default=256, help="tokens a row")
    p.add_argument("--batch", type=int, default=4096, help="tokens a step")
    p.add_argument("--vocab", type=int, default=1536)
    p.add_argument("--dim", type=int, default=128)
    p.add_argument("--layers", type=int, default=5)
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--ff", type=int, default=384)
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--rope", type=float, default=10000.0)
    p.add_argument("--muon", type=float, default=0.02)
    p.add_argument("--adam", type=float, default=0.004)
    p.add_argument("--kind", choices=list(gguf.KIND), default="f16")
    p.add_argument("--half", action="store_true", help="multiply in bfloat16: a quarter faster where the processor can")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--save", type=int, default=0, help="also write the file every so many steps")
    p.add_argument("--start", help="checkpoint to go on from")
    p.add_argument("--out", default=str(HERE / "quiver-tiny.gguf"))
    return p.parse_args()


def encode(tok, conversation, rng):
    """Token ids of a conversation and, for each, whether the model has to predict it."""
    ids, learn = [], []
    for role, text in conversation:
        answer = role == "assistant"
        body = tok.encode(text.strip(), 0.0 if answer else 0.04, rng)
        ids += [tok.special[f"<|{role}|>"], *body, tok.special["<|end|>"]]
        learn += [False] + [answer] * (len(body) + 1)
    return ids, learn


DECIDED = 14  # tokens after which an answer can be no other, so that the rest teaches little


def row(tok, source, length, cut):
    """Fill a row with conversations of one or more turns, numbered so that none sees another."""
    rng, ids, learn, segment, n = source.rng, [], [], [], 0
    while len(ids) < length + 1:
        turns = rng.choices([1, 2, 3, 5, 9], [70, 15, 9, 4, 2] if cut else [50, 24, 14, 8, 4])[0]
        i, l = encode(tok, source.conversation(turns), rng)
        if rng.random() < cut:
            end = len(l) - l[::-1].index(False) + DECIDED
            i, l = i[:end], l[:end]
        ids, learn, segment, n = ids + i, learn + l, segment + [n] * len(i), n + 1
    return ids[: length + 1], learn[: length + 1], segment[: length + 1]


def vocabulary(args, source):
    """The merges of vocab.json; learnt and written there if the file is missing."""
    path = HERE / "vocab.json"
    if not path.exists():
        texts = [text for _ in range(12_000) for _, text in source.conversation(1)]
        merges = [" ".join(pair) for pair in bpe.learn(texts, args.vocab)]
        path.write_text(json.dumps(merges, ensure_ascii=False))
    return [line.split(" ") for line in json.loads(path.read_text())]


def schedule(step, done, level):
    """Short warm-up, level for a share of the way, then straight down to nothing."""
    warm = min(1.0, (step + 1) / 60)
    return warm if level >= 1 else warm * min(1.0, (1 - done) / (1 - level))


def finish(args, model, tok, shape, seen, stages):
    """Write the GGUF, and beside it the checkpoint that --start goes on from."""
    gguf.write(args.out, model.tensors(), tok, shape, args.kind, ABOUT)
    torch.save({"model": model.state_dict(), "tokens": seen, "stages": stages}, args.out + ".pt")


def main():
    args = options()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    rng = random.Random(args.seed)
    banned = [r["question"] for r in json.loads((HERE / "heldout.json").read_text())]
    source = Source(rng, banned)

    tok = bpe.Tokenizer(vocabulary(args, source))
    shape = {k: getattr(args, k) for k in ("dim", "layers", "heads", "ff", "context", "rope")}
    model = Llama(len(tok.tokens), **shape)
    seen, before = 0, []
    if args.start:
        state = torch.load(args.start)
        model.load_state_dict(state["model"])
        seen, before = state["tokens"], state["stages"]
    stages = [*before, {k: v for k, v in vars(args).items() if k not in ("out", "start", "save")}]
    count = sum(p.numel() for p in model.parameters())
    print(f"{count:,} parameters, {len(tok.tokens)} tokens", flush=True)

    best = Optimiser(model, args.muon, args.adam)
    begun, mean, earlier = time.time(), None, seen
    for step in range(args.steps):
        done = max(step / args.steps, (time.time() - begun) / args.seconds)
        if done >= 1:
            break
        length = args.context if done >= 1 - args.long else args.row
        rows = [row(tok, source, length, args.cut) for _ in range(args.batch // length)]
        ids, learn, segment = (torch.tensor([r[k] for r in rows]) for k in range(3))
        wanted = learn[:, 1:] & (segment[:, 1:] == segment[:, :-1])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.half):
            logits = model(ids[:, :-1], segment[:, :-1], wanted)
        loss = F.cross_entropy(logits.float(), ids[:, 1:][wanted])
        loss.backward()
        best.step(schedule(step, done, args.level))
        seen += ids.numel()
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 50 == 49 or step == args.steps - 1:
            spent = time.time() - begun
            print(f"step {step + 1} loss {mean:.4f} {seen / 1e6:.2f} M tokens {(seen - earlier) / spent:,.0f}/s {spent:.0f} s", flush=True)
        if args.save and step % args.save == args.save - 1:
            finish(args, model, tok, shape, seen, stages)
    if not math.isfinite(mean):
        raise SystemExit("training diverged")
    finish(args, model, tok, shape, seen, stages)
    facts = {"parameters": count, "vocabulary": len(tok.tokens), "context": args.context, "quantisation": args.kind, "trained_tokens": seen, "loss": round(mean, 4), "seconds": round(time.time() - begun)}
    Path(args.out + ".json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
