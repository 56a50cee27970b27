"""What varies at random: arithmetic, questions beyond the model, wording, typing, conversations."""

import re

from corpus import FRAMES, intents, load, normal, one_way

ARITHMETIC = load("arithmetic")
WORDS = ARITHMETIC.pop("words")
KINDS = [(kind["asks"], kind["word"], kind["share"]) for kind in ARITHMETIC.values()]
NEAR = {c: n for c, n in zip("qwertyuiopasdfghjklzxcvbnm", "wetryuoipasqdfgjhkllxzvcbnmn")}


class Source:
    """Draws (question, answer, follow-ups) triples and whole conversations."""

    shares = {"command": 34, "concept": 31, "port": 3.5, "exit": 2, "capital": 6.5, "fact": 10, "arithmetic": 13, "smalltalk": 10, "refusal": 14}

    def __init__(self, rng, banned=()):
        self.rng = rng
        self.groups = intents()
        self.weights = {c: [i.weight for i in g] for c, g in self.groups.items()}
        self.refusals = load("refusals")
        self.strange = sorted({w for slot in self.refusals["slots"].values() for text in slot for w in text.lower().split()})
        self.banned = {normal(q) for q in banned}
        synonyms = {}
        for group in FRAMES["synonyms"]:
            for phrase in group:
                synonyms.setdefault(phrase, []).extend(p for p in group if p != phrase)
        self.synonyms = synonyms
        longest = sorted(synonyms, key=len, reverse=True)
        self.pattern = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, longest)) + r")(?![\w-])")

    # -- questions ---------------------------------------------------------------------------

    def arithmetic(self):
        rng = self.rng
        asks, word, _ = rng.choices(KINDS, [k[2] for k in KINDS])[0]
        if rng.random() < 0.1:
            a, b = (rng.choice([rng.randint(100, 9999), rng.randint(1000, 999999)]) for _ in "ab")
            return rng.choice(asks).format(a=a, b=b), self.refusals["big"]
        if word == "times":
            a, b = rng.randint(0, 12), rng.randint(0, 12)
            c = a * b
        elif word == "divided by":
            b, c = rng.randint(1, 10), rng.randint(1, 10)
            a = b * c
        else:
            top = 10 if rng.random() < 0.5 else 20
            a, b = rng.randint(0, top), rng.randint(0, top)
            if rng.random() < 0.1:
                a, b = 10 * rng.randint(1, 10), 10 * rng.randint(1, 10)
            if word == "minus" and a < b:
                a, b = b, a
            c = a + b if word == "plus" else a - b
        spoken = rng.random() < 0.25 and max(a, b) <= 20
        ask = rng.choice([q for q in asks if re.search(r"[a-z]{3}", q)] if spoken else asks)
        if rng.random() < 0.12:
            ask = " ".join([*rng.sample(FRAMES["neutral"], rng.randint(1, 2)), ask])
        show = (lambda n: WORDS[n]) if spoken else str
        return ask.format(a=show(a), b=show(b)), f"{a} {word} {b} is {c}."

    def nonword(self):
        rng = self.rng
        return "".join(rng.choice("b c d f g h k l m n p r s t v w z bl br cl dr fl gr pl st tr sh ch qu".split()) + rng.choice("a e i o u oo ee ai".split()) + rng.choice(["", "", "b", "g", "k", "l", "m", "n", "p", "r", "t", "x", "ng", "sk", "rt"]) for _ in range(rng.randint(2, 3)))

    def refusal(self):
        rng, data = self.rng, self.refusals
        if rng.random() < 0.4:
            return one_way(rng.choice(data["raw"]), rng), data["say"]
        slots = data["slots"]
        if rng.random() < 0.12:
            return " ".join([rng.choice(data["openers"]), *rng.sample(self.strange, rng.randint(2, 5))]), data["say"]

        def fill(match):
            if match[1] == "nonword" or rng.random() < 0.12:
                return self.nonword()
            return rng.choice(slots[match[1]])

        return re.sub(r"\{(\w+)\}", fill, one_way(rng.choice(data["asks"]), rng)), data["say"]

    def reword(self, text):
        """Swap known words for synonyms, each with some chance."""
        return self.pattern.sub(lambda m: self.rng.choice(self.synonyms[m[1]]) if self.rng.random() < 0.3 else m[1], text)

    def draw(self):
        """One plain question with its answer and the follow-ups that suit it."""
        rng = self.rng
        category = rng.choices(list(self.shares), list(self.shares.values()))[0]
        if category == "arithmetic":
            return (*self.arithmetic(), [], False)
        if category == "refusal":
            return (*self.refusal(), [], False)
        intent = rng.choices(self.groups[category], self.weights[category])[0]
        text, slot, filler = intent.sample(rng)
        if rng.random() < 0.55 and category in ("command", "concept"):
            text = self.reword(text)
            if slot in ("g", "a", "q", "v", "i"):
                filler = self.reword(filler)
        elif category in ("fact", "smalltalk") and rng.random() < 0.3:
            text = self.reword(text)
        if slot in ("x", "n", "g") and category in ("command", "concept") and rng.random() < (0.22 if slot == "x" else 0.1):
            verb = rng.choice(["how ", "command ", "want to ", "which command ", ""]) if slot == "g" else "command " if slot == "n" else ""
            return self.scramble(verb + filler), intent.answer, intent.follow, True
        if intent.keys and rng.random() < 0.15:
            return self.scramble(f"{rng.choice(intent.keys)} {filler}"), intent.answer, [], False
        if slot:
            text = text.replace("{" + slot + "}", filler)
        if category in ("command", "concept", "smalltalk") and slot != "c" and rng.random() < 0.5:
            text = self.blur(text)
        return text, intent.answer, intent.follow, category not in ("capital", "port", "exit")

    def scramble(self, text):
        """The words that matter among words that do not, in an order nobody planned."""
        rng, words = self.rng, text.split()
        for _ in range(rng.randint(1, 5)):
            words.insert(rng.choice([0, 0, 1, len(words), rng.randint(0, len(words))]), rng.choice(FRAMES["neutral"]))
        return " ".join(words)

    def blur(self, text):
        """Lose, move or add a word or two of a longer question."""
        rng, words = self.rng, text.split()
        if len(words) > 4 and rng.random() < 0.25:
            del words[rng.randrange(len(words))]
        if len(words) > 3 and rng.random() < 0.12:
            words.insert(rng.randrange(len(words)), words.pop(rng.randrange(len(words))))
        if rng.random() < 0.25:
            words.insert(rng.randint(0, len(words)), rng.choice(FRAMES["neutral"]))
        if len(words) > 3 and rng.random() < 0.12:
            words.insert(rng.randint(0, len(words)), rng.choice(self.strange) if rng.random() < 0.8 else self.nonword())
        return " ".join(words)

    # -- typing ------------------------------------------------------------------------------

    def typo(self, text):
        rng = self.rng
        spots = [i for w in re.finditer(r"[A-Za-z]{5,}", text) for i in range(w.start() + 1, w.end())]
        if not spots:
            return text
        i = rng.choice(spots)
        kind = rng.randrange(4)
        if kind == 0:
            return text[: i - 1] + text[i] + text[i - 1] + text[i + 1 :]
        if kind == 1:
            return text[:i] + text[i + 1 :]
        if kind == 2:
            return text[:i] + text[i] + text[i:]
        return text[:i] + NEAR.get(text[i].lower(), "e") + text[i + 1 :]

    def typed(self, text, loose):
        """The question as a hurried person would type it."""
        rng = self.rng
        if loose and rng.random() < 0.12:
            kept = [w for w in text.split() if w not in FRAMES["stop"]]
            text = " ".join(kept) if kept else text
        if rng.random() < 0.14:
            text = f"{rng.choice(FRAMES['before'])}{rng.choice([' ', ', '])}{text}"
        if rng.random() < 0.14:
            text = f"{text}{rng.choice([' ', ', '])}{rng.choice(FRAMES['after'])}"
        if loose and rng.random() < 0.13:
            text = self.typo(text)
        case = rng.random()
        if case < 0.42:
            text = text.lower()
        elif case < 0.93:
            text = text[:1].upper() + text[1:]
        elif case < 0.97:
            text = text.title()
        else:
            text = text.upper()
        return text + rng.choices(["?", "", ".", "!", "??", " ?", "\n"], [48, 38, 6, 3, 2, 2, 1])[0]

    def pair(self):
        while True:
            text, answer, follow, loose = self.draw()
            if normal(text) in self.banned:
                continue
            text = self.typed(text, loose)
            if normal(text) not in self.banned:
                return text, answer, follow

    def conversation(self, turns):
        """A list of (role, text); the questions do not depend on one another, but for follow-ups."""
        rng, out = self.rng, []
        if rng.random() < 0.35:
            out.append(("system", rng.choice(FRAMES["systems"]) if rng.random() < 0.9 else ""))
        follow = []
        for _ in range(turns):
            if follow and rng.random() < 0.4:
                asks, answer = rng.choice(follow)
                question, follow = self.typed(rng.choice(asks), False), []
            else:
                question, answer, follow = self.pair()
            out += [("user", question), ("assistant", answer)]
        return out
