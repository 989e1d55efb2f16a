"""Draws arrows between participants: as text, and as SVG that is readable on a dark and on a light page."""

import html

from sequence import participants

STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #c3cad2; --actor: #0b5fb8; --fill: #eef5fd }
  @media (prefers-color-scheme: dark) {
    svg { --page: #12161c; --ink: #e6e9ee; --soft: #9aa5b1; --line: #3b4450; --actor: #6cb2ff; --fill: #17283c }
  }
  text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; text-anchor: middle; fill: var(--ink);
    stroke: var(--page); stroke-width: 3px; paint-order: stroke; stroke-linejoin: round }
  g text { stroke: none }
  .page { fill: var(--page) }
  .box { fill: var(--fill); stroke: var(--actor) }
  .thread .box { fill: none; stroke: var(--soft); stroke-dasharray: 4 3 }
  .life { stroke: var(--line) }
  .arrow { stroke: var(--ink); fill: none; stroke-width: 1.3 }
  .spawn { stroke: var(--soft); stroke-dasharray: 5 4 }
  .soft { fill: var(--soft) }
  .head { fill: var(--ink) }
"""


def label_of(arrow):
    return arrow.text + (f" x{arrow.times}" if arrow.times > 1 else "")


def kind_of(participant):
    return "actor" if participant.is_actor else "thread"


def lanes(arrows, width_of_name, width_of_label):
    """Where each participant stands, so that names and labels have room, and how wide it all is."""
    order = participants(arrows)
    index = {each: at for at, each in enumerate(order)}
    half = [(width_of_name(each) + 1) // 2 for each in order]
    gaps = [half[at] + half[at + 1] for at in range(len(order) - 1)] + [half[-1]]
    for arrow in sorted(arrows, key=lambda each: abs(index[each.sender] - index[each.receiver])):
        first, last = sorted((index[arrow.sender], index[arrow.receiver]))
        last = max(last, first + 1)  # a timer has its label on the right
        missing = width_of_label(arrow) - sum(gaps[first:last])
        gaps[last - 1] += max(missing, 0)
    places, at = {}, half[0]
    for each, gap in zip(order, gaps):
        places[each] = at
        at += gap
    return places, at


# -- text -------------------------------------------------------------------------------------------


class Canvas:
    """A line of text that is written at places."""

    def __init__(self, places):
        self.cells = {}
        for at in places:
            self.write(at, "|")

    def write(self, at, text):
        for offset, each in enumerate(text):
            self.cells[at + offset] = each

    def line(self):
        return "".join(self.cells.get(at, " ") for at in range(max(self.cells) + 1)).rstrip()


def arrow_line(arrow, places):
    canvas = Canvas(places.values())
    begin, end = places[arrow.sender], places[arrow.receiver]
    label = label_of(arrow)
    if begin == end:
        canvas.write(begin + 1, f"<. {label}")
        return canvas.line()
    left, right = min(begin, end) + 1, max(begin, end) - 1  # the cells between the two
    canvas.write(left, ("." if arrow.is_spawn else "-") * (right - left + 1))
    canvas.write(right if begin < end else left, ">" if begin < end else "<")
    canvas.write((left + right + 1 - len(label)) // 2 - 1, f" {label} ")
    return canvas.line()


def as_text(arrows):
    """Names, what they are, and a line for each arrow; `-->` a message, `..>` makes it, `<.` a timer of its own."""
    places, _ = lanes(arrows, lambda each: len(each.name) + 3, lambda arrow: len(label_of(arrow)) + 7)
    lines = []
    for words in ([each.name for each in places], [kind_of(each) for each in places]):
        canvas = Canvas([])
        for word, at in zip(words, places.values()):
            canvas.write(max(at - len(word) // 2, 0), word)
        lines.append(canvas.line())
    lines.append(Canvas(places.values()).line())
    lines += [arrow_line(arrow, places) for arrow in arrows]
    return "\n".join([*lines, Canvas(places.values()).line()]) + "\n"


# -- SVG --------------------------------------------------------------------------------------------

LETTER = 8  # px of a letter, at most
TOP, STEP, BOX = 54, 30, 40


def arrow_svg(arrow, places, y):
    begin, end = places[arrow.sender], places[arrow.receiver]
    label = html.escape(label_of(arrow))
    kind = "arrow spawn" if arrow.is_spawn else "arrow"
    if begin == end:
        return (f'<path class="arrow" marker-end="url(#head)" d="M{begin} {y - 9} h22 v12 h-21"/>'
                f'<text class="soft" x="{begin + 30}" y="{y + 1}" style="text-anchor: start">{label}</text>')
    return (f'<path class="{kind}" marker-end="url(#head)" d="M{begin} {y} H{end - 1 if end > begin else end + 1}"/>'
            f'<text x="{(begin + end) / 2:g}" y="{y - 6}">{label}</text>')


def participant_svg(each, x, bottom):
    width = (len(each.name) + 2) * LETTER
    return (f'<path class="life" d="M{x} {TOP} V{bottom}"/>\n<g class="{kind_of(each)}">'
            f'<rect class="box" x="{x - width / 2:g}" y="{TOP - BOX}" width="{width}" height="{BOX}" rx="6"/>'
            f'<text class="name" x="{x}" y="{TOP - 23}">{html.escape(each.name)}</text>'
            f'<text class="soft" x="{x}" y="{TOP - 8}">{kind_of(each)}</text></g>')


def as_svg(arrows, title):
    places, width = lanes(arrows, lambda each: (len(each.name) + 5) * LETTER,
                          lambda arrow: (len(label_of(arrow)) + 5) * LETTER)
    bottom = TOP + STEP * (len(arrows) + 1)
    parts = [participant_svg(each, x, bottom - 10) for each, x in places.items()]
    parts += [arrow_svg(arrow, places, TOP + STEP * (at + 1)) for at, arrow in enumerate(arrows)]
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" width="{width}" height="{bottom}"'
            f' role="img">\n<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n'
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"'
            ' markerUnits="userSpaceOnUse"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>\n'
            f'<rect class="page" width="100%" height="100%"/>\n{body}\n</svg>\n')
