"""Turn the text data in corpus/ into questions with their answers.

An `Intent` has one answer and many ways to ask for it: `asks` are whole questions, `slots`
pairs of a frame list and the fillers for it. `sample` draws one way; `every` walks them all,
which is what the check against the held-out questions uses. In a way to ask, `(a|b|)` stands for
any one of its alternatives.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent / "corpus"


def load(name):
    return json.loads((HERE / f"{name}.json").read_text())


FRAMES = load("frames")
EXIT_WORDS = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four"}
ASKS = load("asks")  # more whole questions, by command and by concept


def normal(question):
    """Lower case, no punctuation, single spaces: what two askings of one question share."""
    return " ".join(re.sub(r"[^a-z0-9+*/=.-]+", " ", question.lower()).replace("?", " ").split()).rstrip(".")


CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


def one_way(text, rng):
    """The text with each `(a|b|)` replaced by one of its alternatives."""
    if "|" not in text:
        return text
    return tidy(CHOICE.sub(lambda m: rng.choice(m[1].split("|")), text))


def all_ways(text):
    """Every reading of the alternatives of a text."""
    match = CHOICE.search(text)
    if not match:
        return [tidy(text)]
    return [way for part in match[1].split("|") for way in all_ways(text[: match.start()] + part + text[match.end() :])]


def tidy(text):
    """Single spaces, and none before a comma, where an alternative was empty."""
    return " ".join(text.split()).replace(" ,", ",").strip(", ")


@dataclass
class Intent:
    category: str
    answer: str
    asks: list = field(default_factory=list)
    slots: list = field(default_factory=list)  # (frame list, slot letter, fillers, share)
    weight: float = 1.0
    share: float = 1.0  # of `asks` beside the shares of the slots
    keys: list = field(default_factory=list)  # words that go with the filler when frames are dropped
    follow: list = field(default_factory=list)  # (questions, answer) that may come next

    def sample(self, rng):
        """One question as (text with the slot still open, filler or None)."""
        shares = [s[3] for s in self.slots] + ([self.share] if self.asks else [])
        pick = rng.choices(range(len(shares)), shares)[0]
        if pick == len(self.slots):
            return one_way(rng.choice(self.asks), rng), None, None
        frames, slot, fillers, _ = self.slots[pick]
        return rng.choice(frames), slot, one_way(rng.choice(fillers), rng)

    def every(self):
        for ask in self.asks:
            yield from all_ways(ask)
        for frames, slot, fillers, _ in self.slots:
            fillers = [way for filler in fillers for way in all_ways(filler)]
            for frame in dict.fromkeys(frames):
                for filler in fillers:
                    yield frame.replace("{" + slot + "}", filler)


def third(goal):
    """The goal as a verb of the third person: "start a relay" to "starts a relay"."""
    verb, rest = goal.split(" ", 1) if " " in goal else (goal, "")
    if verb in ("have", "be"):
        verb = {"have": "has", "be": "is"}[verb]
    elif re.search(r"(s|sh|ch|x|z)$", verb):
        verb += "es"
    else:
        verb = re.sub(r"([^aeiou])y$", r"\1ie", verb) + "s"
    return f"{verb} {rest}".strip()


def gerund(goal):
    """The goal as a noun: "start a relay" to "starting a relay"."""
    verb, rest = goal.split(" ", 1) if " " in goal else (goal, "")
    if re.fullmatch(r"(stop|run|set|get|put|begin|cut|plug|swap|plan|let|map|scan|quit|shut|ship|skip|grab)", verb):
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith(("ee", "be")):
        verb = verb[:-1]
    return f"{verb}ing {rest}".strip()


def command_answer(row):
    line = f"quiver {row['id']}"
    if row["status"] == "planned":
        return f"`{line}` will {row['does']}. It is planned, not built yet."
    extra = f" Example: `{row['example']}`." if row["example"] != line else ""
    return f"Type `{line}` to {row['does']}.{extra}"


def built_answer(row):
    if row["status"] == "planned":
        return f"No, `quiver {row['id']}` is planned, not built yet."
    return f"Yes, `quiver {row['id']}` is built; you can use it today."


def grids(rows):
    """Goals made of each verb with each object, by command or concept."""
    data, out = load("grids"), {}
    for name, verbs, objects in data[rows]:
        verbs = data["verbs"].get(verbs, verbs) if isinstance(verbs, str) else verbs
        out.setdefault(name, []).extend(f"{v} {o}" for v in verbs for o in objects)
    return out


def command_intents(rows, concept_names):
    grid = grids("rows")
    for row in rows:
        names = []
        for name in [row["id"], *row.get("alias", [])]:
            names += [f"quiver {name}", f"quiver {name}", f"`quiver {name}`"]
            names += [name] * (name not in concept_names)
        nouns = row["nouns"]
        built = built_answer(row)
        bare = [n for n in nouns if n not in concept_names]
        follow = [(FRAMES["follow_built"], built)]
        weight = 1.6 if row["status"] == "built" else 1.0
        slots = [
            (FRAMES["howto"], "g", row["goals"], 2.6),
            (FRAMES["howto"], "g", grid[row["id"]], 2.6),
            (FRAMES["third"], "v", [third(g) for g in row["goals"] + grid[row["id"]]], 0.7),
            (FRAMES["gerund"], "i", [gerund(g) for g in row["goals"] + grid[row["id"]]], 0.5),
            (FRAMES["command"], "c", names, 2.0),
            (FRAMES["noun"], "n", nouns, 1.6),
        ]
        if bare:
            slots.append((["{n}", "and {n}", "what about {n}"], "n", bare, 0.25))
        asks = [*row.get("raw", []), *ASKS["commands"].get(row["id"], [])]
        slots.append((FRAMES["situation"], "a", asks, 4.5))
        yield Intent("command", command_answer(row), [], slots, weight, follow=follow)
        clear = [n for n in names if " " in n] + nouns
        yield Intent("command", built, [], [(FRAMES["built"], "c", clear, 1.0)], 0.12)


def concept_intents(rows, commands):
    grid = grids("concepts")
    for row in rows:
        answer, follow = row["say"], []
        command = commands.get(row.get("cmd"))
        if command:
            line = f"`quiver {command['id']}`"
            answer += f" {line} is planned, not built yet." if command["status"] == "planned" else f" Command: {line}."
            follow = [(FRAMES["follow_start"], command_answer(command)), (FRAMES["follow_built"], built_answer(command))]
        asks = [*row.get("raw", []), *ASKS["concepts"].get(row["id"], [])]
        slots = [(FRAMES["define"], "x", row["names"], 1.2)]
        if row["id"] in grid:
            slots.append((["{q}"], "q", grid[row["id"]], 1.0))
        yield Intent("concept", answer, asks, slots, share=min(2.6, len(asks) / 9), follow=follow, weight=1.5 if row["id"] in grid else 1.0)


def topic_intents(topics):
    for name, port, others in topics["ports"]:
        answer = f"The default port of {name} is {port}."
        yield Intent("port", answer, [], [(topics["port_asks"], "x", [name, *others], 1.0)], keys=["port", "which port", "port number"])
    for code, meaning in topics["exits"]:
        yield Intent("exit", f"Exit code {code} means: {meaning}.", [], [(topics["exit_asks"], "x", [code, EXIT_WORDS.get(code, code)], 1.0)], keys=["exit code", "status", "exit status", "return code"])


def fact_intents(facts):
    by_city = {}
    for country, city in facts["capitals"].items():
        by_city.setdefault(city, country)
        bare = country.removeprefix("the ")
        fillers = [country] if bare == country else [country, bare]
        yield Intent("capital", f"The capital of {country} is {city}.", [], [(facts["capital_asks"], "x", fillers, 1.0)], keys=["capital", "capital city", "capital of"])
        if by_city[city] == country:
            yield Intent("capital", f"{city} is the capital of {country}.", [], [(facts["capital_of_asks"], "y", [city], 1.0)], 0.5, keys=["capital of which country", "country with capital", "which country"])
    seen = {}
    for thing, colour in facts["colours"].items():
        verb = "are" if thing.endswith("s") and thing not in ("grass",) else "is"
        seen[thing] = f"{thing[0].upper()}{thing[1:]} {verb} {colour}."
        yield Intent("fact", seen[thing], [f"is {thing} {colour}"], [(facts["colour_asks"], "x", [thing, thing.split(' ', 1)[-1]], 4.0)], keys=["colour", "color", "which colour"])
    for unit, names in (("day", facts["days"]), ("month", facts["months"])):
        for i, name in enumerate(names):
            after, before = names[(i + 1) % len(names)], names[i - 1]
            asks = [a.replace("{u}", unit) for a in facts["after_asks"]]
            yield Intent("fact", f"{after} comes after {name}.", [], [(asks, "x", [name], 1.0)])
            asks = [a.replace("{u}", unit) for a in facts["before_asks"]]
            yield Intent("fact", f"{before} comes before {name}.", [], [(asks, "x", [name], 1.0)])
    for animal, (verb, sound) in facts["animals"].items():
        answer = f"{animal[0].upper()}{animal[1:]} {verb}: {sound}."
        yield Intent("fact", answer, [], [(facts["animal_asks"], "x", [animal, animal.split(" ", 1)[1]], 1.0)], keys=["sound", "noise", "which sound"])
    for word, other in facts["opposites"].items():
        yield Intent("fact", f"The opposite of {word} is {other}.", [], [(facts["opposite_asks"], "x", [word], 1.0)], 0.6, keys=["opposite", "opposite of"])
    by_answer = {}
    for many, one, answer in facts["counts"]:
        asks = [a.replace("{m}", many).replace("{o}", one) for a in facts["count_asks"]]
        by_answer.setdefault(answer, []).extend(re.sub(r"\ba (?=[aeiou])(?!one)", "an ", a) for a in asks)
    for answer, asks in by_answer.items():
        yield Intent("fact", answer, asks)
    for answer, asks in facts["plain"]:
        yield Intent("fact", answer, asks)


def intents():
    """Every fixed intent by category; arithmetic and refusals are made in noise.py."""
    commands = load("commands")
    concepts = load("concepts")
    names = {n for row in concepts for n in row["names"]}
    by_id = {row["id"]: row for row in commands}
    out = [*command_intents(commands, names), *concept_intents(concepts, by_id)]
    out += [*topic_intents(load("topics")), *fact_intents(load("facts"))]
    out += [Intent("smalltalk", answer, asks) for answer, asks in load("smalltalk")]
    groups = {}
    for intent in out:
        groups.setdefault(intent.category, []).append(intent)
    return groups
