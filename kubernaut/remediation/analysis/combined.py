"""Several analyzers as one: the first that answers counts."""

from __future__ import annotations

from collections.abc import Sequence

from kubernaut.remediation.analysis.analyzer import (
    AnalysisInput,
    AnalysisResult,
    Analyzer,
    AnalyzerError,
    AnalyzerUnavailable,
    AnsweredEvidence,
)


class CombinedAnalyzer:
    """Asks one after the other; an analyzer that has no answer, for whatever reason, is passed over at once.

    The answer's evidence tells who was passed over, and why.
    """

    def __init__(self, analyzers: Sequence[Analyzer]) -> None:
        """Raises ValueError without any."""
        if not analyzers:
            raise ValueError("a combined analyzer needs at least one analyzer")
        self._analyzers = tuple(analyzers)

    @property
    def name(self) -> str:
        """Those of all of them."""
        return ", ".join(each.name for each in self._analyzers)

    async def aclose(self) -> None:
        """Close those that hold something open."""
        for analyzer in self._analyzers:
            close = getattr(analyzer, "aclose", None)
            if close is not None:
                await close()

    async def analyze(self, question: AnalysisInput) -> AnalysisResult:
        """Raises AnalyzerUnavailable where none answered and asking one of them again may help, else AnalyzerError."""
        errors: list[tuple[str, AnalyzerError]] = []
        for analyzer in self._analyzers:
            try:
                result = await analyzer.analyze(question)
            except AnalyzerError as error:
                errors.append((analyzer.name, error))
                continue
            passed = [
                AnsweredEvidence(source=f"analyzer/{name}", text=f"gave no answer: {why}") for name, why in errors
            ]
            evidence = [*result.evidence, *passed]
            return result.model_copy(update={"evidence": evidence, "analyzer": result.analyzer or analyzer.name})
        told = "; ".join(f"{name}: {error}" for name, error in errors)
        passing = [error for _, error in errors if isinstance(error, AnalyzerUnavailable)]
        if passing:
            waits = [error.retry_after for error in passing if error.retry_after is not None]
            raise AnalyzerUnavailable(told, retry_after=min(waits, default=None)) from passing[0]
        raise AnalyzerError(told) from errors[0][1]
