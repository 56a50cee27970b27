"""A small llama in torch, its optimiser, and its tensors under their GGUF names."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Norm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, cos, sin):
    """RoPE on interleaved pairs, the order llama.cpp expects of a llama GGUF."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, dim, heads, ff):
        super().__init__()
        self.heads = heads
        self.attn_norm, self.ffn_norm = Norm(dim), Norm(dim)
        for name in ("q", "k", "v", "o"):
            setattr(self, name, nn.Linear(dim, dim, bias=False))
        self.gate, self.up = nn.Linear(dim, ff, bias=False), nn.Linear(dim, ff, bias=False)
        self.down = nn.Linear(ff, dim, bias=False)

    def forward(self, x, mask, cos, sin):
        b, t, d = x.shape
        h = self.attn_norm(x)
        q, k, v = (f(h).view(b, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        scores = (q / math.sqrt(d // self.heads)) @ k.transpose(-1, -2) + mask
        x = x + self.o((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, vocab, dim, layers, heads, ff, context, rope):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, ff) for _ in range(layers))
        self.norm = Norm(dim)
        size = dim // heads
        angle = torch.outer(torch.arange(context), rope ** (-torch.arange(0, size, 2) / size))
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.ndim > 1:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if deep else 0.02)

    def forward(self, ids, segments, wanted):
        """Logits at the `wanted` positions only; a token sees its own conversation's past."""
        t = ids.shape[1]
        allowed = (segments[:, :, None] == segments[:, None, :]).tril()
        mask = torch.zeros(allowed.shape).masked_fill_(~allowed, -1e9)[:, None]
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, mask, self.cos[:t], self.sin[:t])
        return self.norm(x[wanted]) @ self.embed.weight.T

    def tensors(self):
        """All weights as numpy arrays under their GGUF names; the output is tied."""
        names = {"attn_norm": "attn_norm", "ffn_norm": "ffn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
        out = {"token_embd.weight": self.embed.weight}
        for i, block in enumerate(self.blocks):
            for mine, theirs in names.items():
                out[f"blk.{i}.{theirs}.weight"] = getattr(block, mine).weight
        out["output_norm.weight"] = self.norm.weight
        return {k: v.detach().float().numpy() for k, v in out.items()}


def orthogonal(g):
    """The nearest semi-orthogonal matrix, by five Newton-Schulz steps (the Muon optimiser)."""
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


class Optimiser:
    """Muon for the matrices of the blocks, AdamW for the embedding and the norms."""

    def __init__(self, model, muon_rate, adam_rate):
        self.matrices = [p for p in model.blocks.parameters() if p.ndim > 1]
        rest = [p for p in model.parameters() if not any(p is m for m in self.matrices)]
        self.adam = torch.optim.AdamW(rest, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0)
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.muon_rate, self.adam_rate = muon_rate, adam_rate

    @torch.no_grad()
    def step(self, scale):
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * scale
        self.adam.step()
        rate = self.muon_rate * scale
        for p, m in zip(self.matrices, self.momentum):
            m.mul_(0.95).add_(p.grad)
            update = orthogonal(p.grad + 0.95 * m)
            p.mul_(1 - rate * 0.1).add_(update, alpha=-rate * max(1, p.shape[0] / p.shape[1]) ** 0.5)
        for p in [*self.matrices, *self.adam.param_groups[0]["params"]]:
            p.grad = None
