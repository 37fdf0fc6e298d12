"""A user's own text: a file or a folder of plain texts, whose next token is predicted at every place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.counting import counted
from lossbench.data import corpus_account, corpus_reading, corpus_windows
from lossbench.data.alphabet import FIRST, Alphabet
from lossbench.data.corpus_reading import Corpus
from lossbench.data.corpus_windows import Windows
from lossbench.data.frequencies import token_frequencies
from lossbench.data.own_file import tell
from lossbench.data.parts import check_shares, parts
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Examples, Split
from lossbench.errors import InputError
from lossbench.metrics.language import MEASURES
from lossbench.task import WEIGHT, InputKind, Inputs, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.splits import Ids

_FEWEST_OF_PART = 5  # windows
_MANY_FILES = 10  # from which on whole files are split


@dataclass(frozen=True, kw_only=True)
class CorpusSource(DataSource):
    """Windows of `context` tokens, one after another; the target is the next token at every place.

    Inputs are ids of the kind `causal_tokens` (context,): at each place a model may use those up to there
    alone, for the next one is what it predicts. 0 stands behind the end of a text and weighs nothing; 1 is
    every token that training does not know, as input and as target.

    path: a text file, or a folder of them.
    files: which files of the folder, and of folders in it.
    tokens: characters; or words, which are letters and digits, signs, and ends of lines.
    context: tokens of a window.
    split: file: whole files are drawn for each part by the seed. position: each file is cut, its last tokens
        are the test, those before them validation, the same for every seed. auto: file where there are ten or
        more.
    gap: tokens left out between the parts of a file; null: as many as context.
    vocabulary: known tokens and two ids more, at most; the most frequent of the training text.
    min_count: tokens that occur less often in training are not known.
    val_share, test_share: of the tokens; with whole files as near as they come.
    train_size, val_size, test_size: windows of a part at most: of whole files drawn by the seed, else evenly
        spread over the part; null: all.
    """

    reads = ("causal_tokens",)
    judged_by = MEASURES
    select = "nll"  # of the next token, whatever was trained
    epochs = None  # by its size, as a table
    credit: ClassVar[str] = ""  # of texts that ship

    path: str | None = knob(None, optional=True, place=True)
    files: str = knob("*.txt")
    tokens: str = knob("characters", choices=("characters", "words"))
    context: int = knob(64, at_least=2)
    split: str = knob("auto", choices=("auto", "file", "position"))
    gap: int | None = knob(None, at_least=0, optional=True)
    vocabulary: int = knob(10000, at_least=3)
    min_count: int = knob(1, at_least=1)
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.1, above=0, below=1)
    train_size: int | None = knob(None, at_least=_FEWEST_OF_PART, optional=True, later=True)
    val_size: int | None = knob(None, at_least=_FEWEST_OF_PART, optional=True, later=True)
    test_size: int | None = knob(None, at_least=_FEWEST_OF_PART, optional=True, later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.val_share, self.test_share)

    def targets(self) -> tuple[Target, ...]:
        size = self.vocabulary if self.path is None else _size(self, self.corpus())
        return (Target("multiclass", size=size, shape=(self.context,)),)

    def fingerprint(self, seed: int) -> str:
        return self.corpus().fingerprint

    def account(self) -> list[str]:
        corpus = self.corpus()
        return _account(self, corpus, _windows(self, corpus))

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        corpus = self.corpus()
        if not _whole(self, corpus):
            return ()
        return tuple(len(rows) for rows in _rows(self, corpus, seed).values())

    def training_size(self) -> int:
        corpus = self.corpus()
        windows = _windows(self, corpus)
        if not _whole(self, corpus):
            return len(_rows(self, corpus, None)["train"])
        all_ = max(1, round(len(windows.read) * (1 - self.val_share - self.test_share)))
        return min(all_, self.train_size or all_)

    def load(self, seed: int, reads: InputKind) -> DataSet:
        corpus = self.corpus()
        return _loaded(self, corpus, seed if _whole(self, corpus) else None)

    def baselines(self) -> Mapping[str, Baseline]:
        return {"frequencies": token_frequencies}

    def alphabet(self, seed: int) -> Alphabet:
        """The tokens that a run of this seed knows."""
        corpus = self.corpus()
        ids = _ids(self, corpus, _rows(self, corpus, seed if _whole(self, corpus) else None)).tolist()
        tokens = {number: corpus.tokens[code - 1] for code, number in enumerate(ids) if number >= FIRST}
        return Alphabet(self.tokens, tuple(tokens[number] for number in sorted(tokens)))

    def corpus(self) -> Corpus:
        """The texts, read; the same object for every seed.

        Raises:
            InputError: there is no text.
        """
        if self.path is None:
            raise InputError("data=corpus needs your text, a file or a folder of them: data.path=plays.txt.")
        return corpus_reading.read(self.path, self.files, self.tokens)


def _whole(source: CorpusSource, corpus: Corpus) -> bool:
    """Whether whole files are split."""
    return source.split == "file" or (source.split == "auto" and len(corpus.files) >= _MANY_FILES)


def _size(source: CorpusSource, corpus: Corpus) -> int:
    """How many ids there may be, whatever the seed: those that the whole text would give."""
    import numpy as np

    counts = np.bincount(np.concatenate(corpus.codes), minlength=len(corpus.tokens))
    return min(source.vocabulary, 2 + int((counts >= source.min_count).sum()))


@lru_cache(maxsize=4)
def _windows(source: CorpusSource, corpus: Corpus) -> Windows:
    """The windows of all files, in their parts where files are cut; what was made of the files is said once.

    Raises:
        InputError: the text is too short.
    """
    if _whole(source, corpus):
        if len(corpus.files) < len(SPLITS):
            raise InputError(
                f"data.split=file needs {len(SPLITS)} files or more, and {corpus.name} is "
                f"{counted(len(corpus.files), 'file')}: set data.split=position."
            )
        windows = corpus_windows.whole_files(corpus.codes, source.context)
    else:
        gap = source.context if source.gap is None else source.gap
        windows = corpus_windows.by_position(
            corpus.codes, source.context, source.val_share, source.test_share, gap
        )
        sizes = {split: len(windows.rows(split)) for split in SPLITS}
        if min(sizes.values()) < _FEWEST_OF_PART:
            count = sum(map(len, corpus.codes))
            raise InputError(
                f"{corpus.name} has {count} {source.tokens}, so {sizes['train']} windows for training, "
                f"{sizes['val']} for validation and {sizes['test']} for the test; {_FEWEST_OF_PART} each are "
                "needed: make data.context or data.gap smaller, or change the shares."
            )
    tell(_account(source, corpus, windows))
    return windows


def _rows(source: CorpusSource, corpus: Corpus, seed: int | None) -> dict[Split, Ids]:
    windows = _windows(source, corpus)
    if seed is None:
        return windows.cut(_most(source))
    drawn = parts(
        len(windows.read),
        seed,
        val_share=source.val_share,
        test_share=source.test_share,
        groups=windows.file,
        owner=f"{corpus.name}, in windows of {source.context},",
        by="a file each",
    )
    return {split: drawn[split][:most] for split, most in _most(source).items()}  # they come in random order


def _most(source: CorpusSource) -> dict[Split, int | None]:
    return dict(zip(SPLITS, (source.train_size, source.val_size, source.test_size), strict=True))


def _account(source: CorpusSource, corpus: Corpus, windows: Windows) -> list[str]:
    sizes = {split: len(rows) for split, rows in windows.cut(_most(source)).items()}
    return corpus_account.lines(
        source.name if source.credit else corpus.name,
        corpus,
        source.tokens,
        f"windows of {source.context}",
        len(windows.read) if _whole(source, corpus) else sizes,
        _size(source, corpus) - 2,
    )


def _ids(source: CorpusSource, corpus: Corpus, rows: dict[Split, Ids]) -> Ids:
    """Of each code plus 1 of the corpus, as its training text says."""
    counts = _windows(source, corpus).counts(rows["train"], len(corpus.tokens))
    return corpus_windows.ids_of(counts, corpus.tokens, source.vocabulary, source.min_count)


@lru_cache(maxsize=4)
@while_used
def _loaded(source: CorpusSource, corpus: Corpus, seed: int | None) -> DataSet:
    """Of one seed; where files are cut it is the same for all (None), and held once."""
    import numpy as np
    import torch

    windows, rows = _windows(source, corpus), _rows(source, corpus, seed)
    ids = _ids(source, corpus, rows)
    used = np.concatenate([rows[split] for split in SPLITS])  # of many texts a part may be wanted
    following = torch.from_numpy(ids[windows.following[used]])
    targets: dict[str, Tensor] = {"multiclass": following, WEIGHT: (following > 0).float()}
    file = None if seed is None else torch.from_numpy(windows.file[used])
    parts: dict[Split, Examples] = {}
    ends = np.cumsum([len(rows[split]) for split in SPLITS]).tolist()
    for split, end in zip(SPLITS, ends, strict=True):
        places = slice(end - len(rows[split]), end)
        parts[split] = Examples(
            torch.arange(places.start, places.stop),
            {kind: values[places] for kind, values in targets.items()},
            ids=torch.from_numpy(rows[split]),
            groups=None if file is None else file[places],
        )
    description = Description(
        name=source.name,
        inputs=Inputs("causal_tokens", (source.context,), vocabulary=_size(source, corpus)),
        targets=source.targets(),
        sizes={split: len(part) for split, part in parts.items()},
        source=f"{source.credit or corpus.name}, {counted(len(corpus.files), 'file')}, {source.tokens}",
        fingerprint=corpus.fingerprint,
    )
    train, val, test = (parts[split] for split in SPLITS)
    return DataSet(description, torch.from_numpy(ids[windows.read[used]]), train, val, test)
