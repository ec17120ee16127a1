"""Report of a board that was put through the contract: for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding

from crosscal.firmware_models.conformance import Finding, Result, merged


def print_report(console: Console, results: Sequence[Result]) -> None:
    """Print a board's faults, then the tests left out, then a line of counts."""
    findings = merged(results)
    for number, finding in enumerate(findings, start=1):
        _print_finding(console, number, finding)
    skipped: dict[str, list[str]] = {}
    for result in results:
        if result.skipped:
            skipped.setdefault(result.skipped, []).append(result.name)
    for reason, names in skipped.items():
        _say(console, f"not tested, {reason}: {', '.join(names)}", style="dim")
    run = [result for result in results if not result.skipped]
    broken = sum(bool(result.findings) for result in run)
    count = f"{len(findings)} thing{'s are' if len(findings) > 1 else ' is'} wrong"
    verdict = count if findings else "the board follows the contract"
    _say(console, f"{len(run) - broken} of {len(run)} tests passed: {verdict}", style="bold")


def _print_finding(console: Console, number: int, finding: Finding) -> None:
    _say(console, f"{number}. {finding.words}", style="bold red")
    lines = [f"sent: {finding.sent}"] if finding.sent else []
    where = f"{finding.transcript}, line {finding.line}" if finding.line else finding.transcript
    lines += [f"got: {finding.what}", f"see: {finding.place} [{where}]"]
    if finding.also:
        lines.append(f"the same in: {', '.join(finding.also)}")
    for line in lines:
        console.print(Padding(line, (0, 0, 0, 3)), highlight=False, markup=False)


def _say(console: Console, text: str, *, style: str) -> None:
    console.print(text, style=style, highlight=False, markup=False)


def as_json(facts: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Arrange results for `json.dumps`."""
    return {
        **facts,
        "passed": not any(result.findings for result in results),
        "tests": [
            {
                "name": result.name,
                "title": result.title,
                "outcome": _outcome(result),
                "reason": result.skipped,
                "findings": [_finding(finding) for finding in result.findings],
            }
            for result in results
        ],
    }


def _outcome(result: Result) -> str:
    return "skipped" if result.skipped else "failed" if result.findings else "passed"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.words,
        "decision": finding.decision,
        "place": finding.place,
        "sent": finding.sent,
        "got": finding.what,
        "line": finding.line,
    }
