"""Values known ahead that a sample does not say: exported C has the same in their place as the predictor."""

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.toolchain import Compiled
from edgeseq_runtime import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.streaming.validation import IMPUTED, MISSING, OK, STATUSES

HORIZON, COLUMNS = 4, 2


@pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
@pytest.mark.parametrize("seed", range(3))
def test_what_stands_in_is_the_predictors(seed: int) -> None:
    """Windows that lack values at any place, end early or say nothing; samples that lack, also too many in a row."""
    checkpoint = make_checkpoint(known=COLUMNS, horizon=HORIZON, gap_limit=2)
    random = np.random.default_rng(seed)
    samples = random.uniform(-1, 1, 400).astype(np.float32)
    samples[random.random(400) < 0.2] = np.nan
    samples[40:45] = np.nan  # the stream starts afresh
    known = random.uniform(3, 8, (400, HORIZON, COLUMNS)).astype(np.float32)
    known[random.random(known.shape) < 0.1] = np.nan
    for at in np.flatnonzero(random.random(400) < 0.6):
        known[at, random.integers(0, HORIZON) :] = np.nan
    kind = export.kind_of(checkpoint, "none")
    command = toolchain.compiler()
    assert command
    with Compiled(kind.render(kind.spec, "model"), checkpoint.spec, command) as compiled:
        inputs = np.concatenate([samples[:, None], known.reshape(400, -1)], axis=1)
        status, made = compiled.stream(inputs)
    p = Predictor(edgeseq_export.build(checkpoint), rules=AS_THEY_ARE)
    wanted = p.process(samples, None, known)
    assert [(OK, IMPUTED, MISSING)[code] for code in status] == [STATUSES[code] for code in wanted.statuses]
    np.testing.assert_allclose(made, wanted.forecasts.reshape(400, -1), rtol=1e-4, atol=1e-4)
