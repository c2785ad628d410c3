"""What the ledger says of a failure, and when failures are few enough to go on."""

from __future__ import annotations

from collections.abc import Sequence

from mmfeat.errors import ExtractionFailed, MmfeatError
from mmfeat.types import Failure


def reason_of(error: BaseException) -> str:
    """Text of a failure: ours speak for themselves, a foreign one is named by its kind."""
    return str(error) if isinstance(error, MmfeatError) else f"{type(error).__name__}: {error}"


def require_few_failures(failures: Sequence[Failure], total: int, max_failed: float) -> None:
    """Stop when more than the share ``max_failed`` of ``total`` utterances failed.

    Raises
    ------
    ExtractionFailed
        With the first reasons. What was computed stays in the cache.
    """
    failed = {failure.id for failure in failures}
    if len(failed) > max_failed * total:
        raise ExtractionFailed(
            f"{len(failed)} of {total} clips failed; expected at most {max_failed:.0%}; "
            f"mend the clips or raise max_failed\n{_reasons(failures)}"
        )


def require_any(usable: Sequence[object], failures: Sequence[Failure]) -> None:
    """Stop where nothing is left to work on, however many may fail.

    Raises
    ------
    ExtractionFailed
        With the first reasons.
    """
    if not usable:
        raise ExtractionFailed(f"no clip could be used; expected at least one; mend them\n{_reasons(failures)}")


def _reasons(failures: Sequence[Failure]) -> str:
    reasons = "\n".join(f"  {failure.id} ({failure.stage}): {failure.reason}" for failure in failures[:5])
    return reasons + (f"\n  ... and {len(failures) - 5} more rows in the ledger" if len(failures) > 5 else "")
