"""A user's own images: a folder with one folder for each class, or a table of file names beside them."""

from __future__ import annotations

import hashlib
import logging
import math
import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.album import Album, Asked, read_album
from lossbench.data.augment import Augmented
from lossbench.data.balance import weighed
from lossbench.data.by_batch import by_batch
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.identity_baselines import BASELINES
from lossbench.data.image_knobs import both_sides, check_knobs, listed
from lossbench.data.image_people import Dealt, dealt
from lossbench.data.image_source import ImageSource, Pictures
from lossbench.data.parts import parts
from lossbench.data.pixels import Standardised, Survey, decoded
from lossbench.data.shared import while_used
from lossbench.data.source import Loaded, Split
from lossbench.errors import InputError
from lossbench.task import InputKind, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.part_examples import Values
    from lossbench.data.splits import Ids

log = logging.getLogger(__name__)

_CLASSES = tuple(Target(kind, 2) for kind in ("multiclass", "identity", "binary"))
_HELD = 4  # of the memory, so much less may images take as bytes that are held


@dataclass(frozen=True, kw_only=True)
class Images(ImageSource):
    """Images of any size that Pillow reads, brought to one size, standardised as ImageNet is.

    path: a folder with one folder for each class; or a table (CSV) of file names, which begin in its folder.
    test_path: another folder, or table, of images that test; `path` then trains and validates.
    file: of a table, the column of file names.
    target: of a table, the column to predict; or the four of a box, x1, y1, x2, y2 in pixels of the image as
        it is shown, which go with the image to its new size: [x1,y1,x2,y2]. It is then a target `box`.
    task: class, number, or auto: a class where the target holds texts; or identity: folders, or the target,
        are people, and those of validation and test are never trained on.
    group: images of one group (a person, a place) stay in one part: of a table, a column; of a folder, a
        regular expression of what in a file's name is the group, as "^[^_]+".
    separator: of a table: comma, semicolon or tab.
    size: [height, width], or one number for both; null: as they are, where all have one size.
    channels: 1 is gray, 3 is colour; auto: gray where all of them are.
    flip: training images are mirrored, each time by chance.
    shift: and moved by so many pixels at most; what comes in is zero, a medium gray.
    crop: and a part is cut out and enlarged: at most this share of each side is lost.
    balance: classes weigh alike in training, however many images they have.
    stream: images are read batch by batch; null: where they would take a quarter of the memory.
    val_share, test_share: shares of the images, drawn at random by the seed, of each class alike; with
        groups, as near as they come; of people, shares of these.

    Decoded images lie in the cache, in a file for each size; its name follows from the content of the images.
    """

    epochs = None  # 200 images and 20,000 want different ones

    path: str | None = knob(None, optional=True, place=True)
    test_path: str | None = knob(None, optional=True, place=True)
    file: str | None = knob(None, optional=True)
    target: tuple[str, ...] = knob(())
    task: str = knob("auto", choices=("auto", "class", "number", "identity"))
    group: str | None = knob(None, optional=True)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    size: tuple[int, ...] = knob((), at_least=1)
    channels: str = knob("auto", choices=("auto", "1", "3"))
    flip: bool = knob(False)
    shift: int = knob(0, at_least=0)
    crop: float = knob(0.0, at_least=0, below=1)
    balance: bool = knob(False)
    stream: bool | None = knob(None, optional=True)
    val_share: float = knob(0.2, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", both_sides(self.size))
        object.__setattr__(self, "target", listed(self.target))
        object.__setattr__(self, "channels", str(self.channels))
        super().__post_init__()
        check_knobs(self.size, self.target, self.val_share, self.test_share)

    @property
    def judged_by(self) -> tuple[str, ...]:  # type: ignore[override]
        """By what is to be predicted."""
        if self.task == "identity":
            return ("identities",)
        return ("classes", "continuous", "boxes") if self.path is None else (self.album.judged[0],)

    @property
    def select(self) -> str:  # type: ignore[override]
        """As the album says."""
        if self.task == "identity":
            return "verification_auc"
        return "accuracy" if self.path is None else self.album.judged[1]

    def targets(self) -> tuple[Target, ...]:
        if self.task == "identity":
            return (Target("identity", 2 if self.path is None else self._training),)
        if self.path is None:  # any of these, once there are images
            return (*_CLASSES, Target("continuous"), Target("box", 4))
        return self.album.targets

    @cached_property
    def _training(self) -> int:  # people, the same with every seed
        return self._dealt(0).training

    @cached_property
    def album(self) -> Album:
        """What the folders or the table say, read once.

        Raises:
            InputError: they cannot be used.
        """
        if self.path is None:
            raise InputError(
                "data=images needs your images: data.path=photos, a folder with one folder for each class, "
                "or a CSV of file names with data.file=image data.target=label."
            )
        asked = (self.path, self.test_path, self.file, self.target, self.task, self.group)
        return read_album(Asked(*asked, SEPARATORS[self.separator]))

    @cached_property
    def survey(self) -> Survey:
        """Sizes and contents of the files."""
        return self.album.survey()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image.

        Raises:
            InputError: they differ in size, and no size is set.
        """
        channels = {"auto": 1 if self.survey.gray.all() else 3, "1": 1, "3": 3}[self.channels]
        if self.size:
            return channels, self.size[0], self.size[1]
        return (channels, *self.album.common_size(self.survey))

    def fingerprint(self, seed: int) -> str:
        digest = hashlib.sha256(repr(self.shape).encode())
        digest.update("".join(self.survey.digests).encode())
        digest.update(self.album.content())
        return digest.hexdigest()

    def account(self) -> list[str]:
        return self.album.account(self.survey, self.shape)

    def baselines(self) -> Mapping[str, Baseline]:
        if self.task != "identity":
            return super().baselines() if len(self.target) == 4 else {}
        return {} if self._is_streamed(math.prod((len(self.survey.digests), *self.shape))) else BASELINES

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        return () if self.album.groups is None else tuple(map(len, self.split(seed).values()))

    def training_size(self) -> int:
        count = len(self.album.listing.names)
        tested = self.test_share * count if self.album.test is None else len(self.album.test)
        left = count - tested
        return max(1, round(left - self.val_share * (count if self.album.test is None else left)))

    def split(self, seed: int) -> Mapping[Split, Ids]:
        """The numbers of the images of each part.

        Raises:
            InputError: a part would be too small.
        """
        album = self.album
        if album.people:
            return self._dealt(seed).rows
        return parts(
            len(album.listing.names),
            seed,
            val_share=self.val_share,
            test_share=self.test_share,
            labels=album.labels,
            groups=album.groups,
            test=album.test,
            owner=album.owner,
            by=self.group or "",
        )

    def _dealt(self, seed: int) -> Dealt:
        album = self.album
        assert album.labels is not None
        return dealt(album.labels, album.test, (self.val_share, self.test_share), seed, album.owner)

    @property
    def credit(self) -> str:
        """The folder or the table."""
        return self.album.owner

    def pictures(self, seed: int) -> Pictures:
        album, shape = self.album, self.shape
        _tell(self)
        fresh = Augmented(self.flip, self.shift, self.crop, boxes=len(self.target) == 4)
        return Pictures(
            images=_pixels(self, self.fingerprint(seed)),
            truth={"identity": self._dealt(seed).identity}
            if album.people
            else album.truth(self.targets(), self.survey, shape[1:]),
            rows=self.split(seed),
            groups=album.groups,
            fresh=fresh if fresh.changes else None,
            as_read=Standardised(shape[0]),
        )

    def trained_on(self, truth: Values, seed: int) -> Values:
        target = self.targets()[0]
        weighs = self.balance and self.album.labels is not None
        return weighed(truth, target.kind, target.size) if weighs else truth

    def load(self, seed: int, reads: InputKind) -> Loaded:
        data = self.held(seed)
        return by_batch(data, ahead=True) if self._is_streamed(data.inputs.nbytes) else data

    def _is_streamed(self, size: int) -> bool:
        import psutil

        large = bool(_HELD * size > psutil.virtual_memory().total)
        return large if self.stream is None else self.stream


@lru_cache(maxsize=2)
@while_used
def _pixels(source: Images, _content: str) -> Tensor:
    """All images as bytes, the same object for every seed."""
    return decoded(source.album.listing, source.survey, source.shape, source.album.owner)


@lru_cache(maxsize=4)
def _tell(source: Images) -> None:
    """Say once what was made of the images, but not in workers, which read them again."""
    if multiprocessing.parent_process() is None:
        log.info("\n".join(source.account()))
