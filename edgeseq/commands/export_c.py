"""`edgeseq export --format c`, `arduino` and `native`: a checkpoint in, C out, as it is or compiled."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseq.commands.notes import note
from edgeseq.commands.options.common import load_checkpoint
from edgeseq.commands.options.outputs import check_outputs
from edgeseq.text import number
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq_export.c.export import CFiles


def export_c(
    checkpoint: str,
    output: str,
    quantize: str,
    *,
    libm: bool,
    as_library: bool,
    adapt: bool | None,
    horizon: int | None,
) -> None:
    """Write a checkpoint as output.c and output.h, or as a library's folder."""
    from edgeseq_export.c import export, render

    target = Path(output)
    if not as_library and target.suffix != ".c":
        raise UsageError(f"-o: expected a name that ends in .c, got {output} (the header is written beside it)")
    place = target / "src" if as_library else target.parent
    if as_library:
        files.make_folder(place)
    name = target.name if as_library else target.stem
    check_outputs({f"the {suffix} file of -o": place / f"{name}{suffix}" for suffix in (".c", ".h")})
    source = load_checkpoint(checkpoint, adapt=adapt, horizon=horizon)
    code = export.export(source, name, quantize, libm=libm)
    texts = {place / file: text for file, text in code.sources.files().items()}
    if as_library:
        library = render.library(code.spec, name, is_fixed=quantize == "int8")
        texts |= {target / path: text for path, text in library.items()}
    _report(code, source.spec.figures.model.rmse if source.spec.figures else None)
    for path, text in texts.items():
        files.make_folder(path.parent)
        files.write_atomically(path, text.encode())
    click.echo(f"wrote {', '.join(map(str, texts))}")


def export_native(
    checkpoint: str, output: str, quantize: str, key: str | None, *, adapt: bool | None, horizon: int | None
) -> None:
    """Write a checkpoint as the library that the provider "native" loads."""
    import edgeseq_export
    from edgeseq_export.c import native

    check_outputs({"-o": output})
    model = edgeseq_export.export(load_checkpoint(checkpoint, adapt=adapt, horizon=horizon), quantize, key=key)
    library = native.build(model.content, key)
    worst = native.worst_deviation(library)
    if worst is None:
        note("warning: cannot load the library here, so it was not compared with the oracle")
    else:
        click.echo(f"agrees with the oracle: worst deviation {worst:.3f} of what is allowed")
    files.write_atomically(output, library)
    click.echo(f"wrote {output}: {len(library):,} bytes")


def _report(code: "CFiles", checkpoint_rmse: float | None) -> None:
    """Say how the C was compared, and what it forecasts."""
    if code.compiler is None:
        note("warning: no C compiler here (cc, gcc, clang or CC), so the C was not compared with its reference")
        return
    agreement = (
        "equal to the fixed-point reference, to the last bit"
        if code.spec.quantize == "int8"
        else (f"agrees with the oracle: worst deviation {code.deviation:.1e} of the scale")
    )
    click.echo(f"compiled with {code.compiler}; {agreement}")
    if code.spec.figures:
        beside = f" (checkpoint: {number(checkpoint_rmse)})" if checkpoint_rmse is not None else ""
        click.echo(f"test RMSE: {number(code.spec.figures.model.rmse)}{beside}")
