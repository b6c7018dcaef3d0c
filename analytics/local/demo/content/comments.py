"""Writes the comments of visitors who rate a conversation. Pure.

A few are hostile on purpose: code that shows or exports comments has to escape them.
"""

from typing import Final

HOSTILE: Final = (
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("https://attacker.example","Click for your refund")',
    "'; DROP TABLE feedback; --",
    "{{7*7}} ${7*7} <script>alert('comment')</script>",
    "+1-800-555-0199 @SUM(A1:A9) [link](javascript:alert(1))",
    "Line one\nline two\ttabbed \\ backslash",
)
HOSTILE_EVERY: Final = 90

_ENGLISH: Final[dict[int, tuple[str, ...]]] = {
    5: (
        "Super quick, thank you!",
        "Had an answer about {topic} before my tea was ready. Brilliant.",
        "Honestly the best support I have had in a while.",
        "The assistant understood my question about {topic} straight away.",
        "Friendly, fast, solved. 10/10",
        "Didn't expect a bot to be this helpful.",
        "Sorted in two minutes 🙌",
        "Great help with {topic}, will be back.",
    ),
    4: (
        "Good, took one extra question but it got there.",
        "Helpful answer about {topic}.",
        "All fine. A bit of waiting, then quick.",
        "Nice and clear, thanks.",
        "Would have liked a link, but the answer was right.",
        "Problem with {topic} solved.",
    ),
    3: (
        "Okay in the end, but I had to explain {topic} twice.",
        "The first answer was generic, the second one helped.",
        "Average. It took a while.",
        "Not sure yet whether it is solved.",
    ),
    2: (
        "Waited far too long for a reply about {topic}.",
        "The bot kept asking the same thing until a person stepped in.",
        "Only half an answer.",
        "Had to come back a second time for {topic}.",
    ),
    1: (
        "Nobody answered for hours.",
        "Still not solved. I gave up.",
        "The assistant did not understand {topic} at all.",
        "Very disappointing, I will order elsewhere.",
    ),
}
_GERMAN: Final[dict[int, tuple[str, ...]]] = {
    5: (
        "Sehr schnelle Hilfe, danke!",
        "Frage zu {topic} sofort beantwortet. Top.",
        "Freundlich und kompetent.",
        "Perfekt, gerne wieder.",
    ),
    4: ("Gute Antwort zu {topic}, kurze Wartezeit.", "Hat geholfen, danke.", "Passt soweit."),
    3: (
        "Am Ende okay, aber ich musste zweimal fragen.",
        "Geht so.",
        "Die erste Antwort zu {topic} war sehr allgemein.",
    ),
    2: ("Viel zu lange gewartet.", "Die Antwort zu {topic} war nur halb richtig."),
    1: ("Keine Antwort bekommen.", "Leider gar nicht geholfen. Schade."),
}


def comment(rating: int, topic: str, number: int, *, is_german: bool) -> str | None:
    """The comment that `number` chooses for a rating; None when it is negative.

    >>> comment(4, "delivery", 1, is_german=False)
    'Helpful answer about delivery.'
    """
    if number < 0:
        return None
    choice, turn = divmod(number, HOSTILE_EVERY)
    if turn == 0:
        return HOSTILE[choice % len(HOSTILE)]
    texts = (_GERMAN if is_german else _ENGLISH)[rating]
    return texts[number % len(texts)].format(topic=topic)
