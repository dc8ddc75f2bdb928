"""CSWin Transformer (arXiv 2107.00652) as a backbone: the family `cswin`.

Stages of blocks on ever coarser maps; between two stages a merge halves the map's sides and doubles its
width. In all stages but the last a place reads a cross: half of the heads the stripe of columns in
which it lies, the others that of rows. Parameters are called as the authors call theirs.
Shapes: B images, C channels, Y X pixels, h w rows and columns of a stage's map, D its width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Never, cast

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sit_engine.config.families.cswin import CswinOptions, numbers
from sit_engine.models.backbone import Backbone, Maps
from sit_engine.models.cswin_block import Block

EPSILON = 1e-5


class Stem(nn.Sequential):
    """One convolution from pixels to the first map, and a norm: [B,3,Y,X] to [B,h,w,D].

    Of 7 × 7 at the published stride of 4, of 3 × 3 at smaller ones.
    """

    def __init__(self, width: int, stride: int) -> None:
        kernel, padding = (7, 2) if stride == 4 else (3, 1)
        first = nn.Conv2d(3, width, kernel, stride, padding)
        # The authors have a step without parameters in between, which their names count.
        super().__init__(first, nn.Identity(), nn.LayerNorm(width, EPSILON))

    def forward(self, image_BCYX: Tensor) -> Tensor:
        """The first map: [B,3,Y,X] to [B,h,w,D]."""
        map_BhwD: Tensor = self[2](self[0](image_BCYX).permute(0, 2, 3, 1))
        return map_BhwD


class Merge(nn.Module):
    """A convolution of stride 2 to the next stage's map, and a norm: [B,h,w,D] to [B,h/2,w/2,2D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.norm = nn.LayerNorm(2 * width, EPSILON)

    def forward(self, map_BhwD: Tensor) -> Tensor:
        """[B,h,w,D] to [B,h/2,w/2,2D]; both lie in memory as places, so nothing is copied."""
        made: Tensor = self.norm(self.conv(map_BhwD.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return made


class Cswin(Backbone):
    """The network without its classifier: features are the mean of the last map after its norm."""

    tokens_before = 0

    def __init__(self, options: CswinOptions[Never], *, drop_path: float) -> None:
        super().__init__()
        self.options = options
        depths, heads = numbers(options.depths), numbers(options.heads)
        stripes = (*numbers(options.stripes), None)
        self.blocks_deep, self.stages_count = sum(depths), len(depths)
        self.stride, self.width = options.stride, options.token_width
        self.recompute = False
        steepness = drop_path / max(1, self.blocks_deep - 1)
        dropped = (steepness * number for number in range(self.blocks_deep))
        self.stage1_conv_embed = Stem(options.width, options.stem_stride)
        width = options.width
        for stage, depth in enumerate(depths):
            if stage:
                self.add_module(f"merge{stage}", Merge(width))
                width *= 2
            made = [
                Block(width, heads[stage], stripes[stage], drop_path=next(dropped))
                for _ in range(depth)
            ]
            self.add_module(f"stage{stage + 1}", nn.ModuleList(made))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.apply(_begin)

    def maps(self, image_BCYX: Tensor) -> Maps:
        """The last map, after the final norm."""
        *_, last_BhwD = self._passed(image_BCYX)
        return _maps(self.norm(last_BhwD))

    def stages(self, image_BCYX: Tensor) -> tuple[Maps, ...]:
        """The map after each stage; the last one after the final norm."""
        *before, last_BhwD = (
            map_BhwD
            for map_BhwD, is_last in zip(self._passed(image_BCYX), self._ends(), strict=True)
            if is_last
        )
        return *map(_maps, before), _maps(self.norm(last_BhwD))

    @property
    def stage_sizes(self) -> tuple[tuple[int, int], ...]:
        """The stride doubles, and so does the width."""
        first = self.options.stem_stride, self.options.width
        return tuple((first[0] << stage, first[1] << stage) for stage in range(self.stages_count))

    def pooled(self, image_BCYX: Tensor) -> Tensor:
        """The mean place."""
        return self.maps(image_BCYX).places.mean(1, keepdim=True)

    def layers(self, image_BCYX: Tensor) -> list[Maps]:
        """The maps after each block; stages differ in size and width."""
        return [_maps(map_BhwD) for map_BhwD in self._passed(image_BCYX)]

    def attention(self, image_BCYX: Tensor) -> Tensor:
        """Attention from the mean query of the last block to each place: all attend to all there.

        Worked out from queries and keys, so that fused attention hides nothing. Rows sum to one.
        """
        before_BhwD = image_BCYX
        *_, last = before = list(self._steps())
        for step in before[:-1]:
            before_BhwD = self._through(step, before_BhwD)
        return cast("Block", last).mean_attention(before_BhwD)

    def crosses(self, image_BCYX: Tensor) -> list[tuple[Tensor, ...]]:
        """How a place attends within its stripes in the last block of each stage, [B,h,w,a,b] each."""
        found, map_BhwD, ends = [], image_BCYX, self._ends()
        for step in self._steps():
            if isinstance(step, Block) and next(ends):
                found.append(step.cross(map_BhwD))
            map_BhwD = self._through(step, map_BhwD)
        return found

    def level(self, name: str) -> int:
        """The level by block over the stages; a merge lies as deep as the block before it."""
        part, _, rest = name.partition(".")
        before = numbers(self.options.depths)
        if part == "norm":
            return self.blocks_deep + 1
        if part.startswith("merge"):
            return sum(before[: int(part.removeprefix("merge"))])
        if part == "stage1_conv_embed":
            return 0
        return sum(before[: int(part.removeprefix("stage")) - 1]) + int(rest.partition(".")[0]) + 1

    def first_layer(self) -> list[nn.Parameter]:
        """The convolution of the stem."""
        return list(self.stage1_conv_embed.parameters())

    def freeze(self, *, but_last: int) -> None:
        """Freeze by level, so that a merge learns with the block before it."""
        least = self.blocks_deep - but_last + 1 if but_last else self.blocks_deep + 2
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self.level(name) >= least)
        for block in list(self._blocks())[: self.blocks_deep - but_last]:
            block.drop_path = 0.0

    def set_fused_attention(self, *, fused: bool) -> None:
        """Choose torch's fused attention or plain products in every block."""
        for block in self._blocks():
            block.is_fused = fused

    def set_recompute(self, *, on: bool) -> None:
        """Set recomputation of activations in every block."""
        self.recompute = on

    def fit(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """No weight knows the size of a view; of an export or a file of others the classifier is left."""
        own = self.state_dict()
        return {name: value for name, value in tensors.items() if name in own}

    def _steps(self) -> Iterator[nn.Module]:
        """Stem, blocks and merges in their order."""
        yield self.stage1_conv_embed
        for stage in range(1, self.stages_count + 1):
            if stage > 1:
                yield self.get_submodule(f"merge{stage - 1}")
            yield from cast("nn.ModuleList", self.get_submodule(f"stage{stage}"))

    def _ends(self) -> Iterator[bool]:
        """Whether a block is the last of its stage."""
        for depth in numbers(self.options.depths):
            yield from (number == depth - 1 for number in range(depth))

    def _blocks(self) -> Iterator[Block]:
        return (step for step in self._steps() if isinstance(step, Block))

    def _passed(self, image_BCYX: Tensor) -> Iterator[Tensor]:
        """The map after each block, [B,h,w,D]."""
        map_BhwD = image_BCYX
        for step in self._steps():
            map_BhwD = self._through(step, map_BhwD)
            if isinstance(step, Block):
                yield map_BhwD

    def _through(self, step: nn.Module, map_BhwD: Tensor) -> Tensor:
        made: Tensor = (
            checkpoint(step, map_BhwD, use_reentrant=False)
            if self.recompute and isinstance(step, Block)
            else step(map_BhwD)
        )
        return made


def _maps(map_BhwD: Tensor) -> Maps:
    places_BND = map_BhwD.flatten(1, 2)
    return Maps(places_BND[:, :0], places_BND, (int(map_BhwD.shape[1]), int(map_BhwD.shape[2])))


def _begin(module: nn.Module) -> None:
    """Initialise as the authors' code: linear layers normal of 0.02, convolutions as torch has them."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def build_cswin(options: CswinOptions[Never], *, drop_path: float, fused_attention: bool) -> Cswin:
    """The untrained network that `options`, resolved, say."""
    built = Cswin(options, drop_path=drop_path)
    built.set_fused_attention(fused=fused_attention)
    return built
