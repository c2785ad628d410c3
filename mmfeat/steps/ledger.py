"""When failures are few enough to go on."""

from __future__ import annotations

from collections.abc import Sequence

from mmfeat.errors import ExtractionFailed
from mmfeat.types import Failure


def require_few_failures(failures: Sequence[Failure], total: int, max_failed: float) -> None:
    """Stop when more than the share ``max_failed`` of ``total`` utterances failed.

    Raises
    ------
    ExtractionFailed
        With the first reasons. What was computed stays in the cache.
    """
    failed = {failure.id for failure in failures}
    if len(failed) > max_failed * total:
        reasons = "\n".join(f"  {failure.id} ({failure.stage}): {failure.reason}" for failure in failures[:5])
        more = f"\n  ... and {len(failures) - 5} more rows in the ledger" if len(failures) > 5 else ""
        raise ExtractionFailed(
            f"{len(failed)} of {total} clips failed; expected at most {max_failed:.0%}; "
            f"mend the clips or raise max_failed\n{reasons}{more}"
        )
