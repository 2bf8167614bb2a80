"""`tallystick verify`: needs no installation, only the protocol and libsodium."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.bundle_checks import Report
from gateway.contradictions import Contradiction, find
from gateway.verify import (
    MAX_LINES,
    MAX_PROOF,
    Beside,
    Known,
    Verdict,
    check,
    collect_capacities,
    collect_legs,
    collect_successors,
    collect_terms,
)
from gateway.verify_audit import MAX_EXPORT, check_export, is_export
from gateway.verify_bundle import MAX_BUNDLE, check_bundle
from gateway.verify_claim import check_claim_file, is_claim
from protocol import MAX_MESSAGE
from protocol.evidence import OPENING_KINDS, is_bundle

app = typer.Typer(add_completion=False)

_KEY_BYTES = 32


@dataclass
class _File:
    """A file and what came of it: a message's verdict, or a bundle's report. `messages` are those
    in it that contradictions are looked for among."""

    path: Path
    result: Verdict | Report
    messages: list[tuple[bytes, Verdict]]


@app.command()
def run(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Signed messages, evidence bundles and audit logs (CBOR), XRPL claims (JSON).",
            exists=True,
            dir_okay=False,
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(help="Public key that must have signed, 64 hex digits; may be repeated."),
    ] = None,
    lines: Annotated[
        Path | None, typer.Option(help="A statement's lines.", exists=True, dir_okay=False)
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option(help="That a statement is in its run.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Check signed messages, evidence bundles, audit logs and claims on the XRP Ledger offline, and
    say what they prove; status 1 if something does not verify, or if two messages of one signer
    contradict each other.

    `successor` messages among the files prove that a later key of a gateway's follows one given.
    Keys come from --key, or from the channel's `open` message if that is among the files (it is
    then checked against its own payer's key, and --key is for the others). In a bundle each --key
    must be a party's.
    """
    keys = tuple(_key(each) for each in key or ())
    contents = [_read(path) for path in files]
    reports = {
        at: check_bundle(each, keys) for at, each in enumerate(contents) if is_bundle(each[:64])
    }
    others = {at: check_export(each, keys) for at, each in enumerate(contents) if is_export(each)}
    others |= {
        at: check_claim_file(each, keys) for at, each in enumerate(contents) if is_claim(each)
    }
    loose = [each for at, each in enumerate(contents) if at not in reports and at not in others]
    opens = [
        message
        for report in reports.values()
        for message, verdict in report.messages
        if verdict.kind in (*OPENING_KINDS, "topup", "leg")
    ]
    terms = collect_terms([*loose, *opens])
    capacities = collect_capacities([*loose, *opens], terms)
    legs = collect_legs([*loose, *opens], terms)
    known = Known(None, terms, collect_successors(loose), capacities, legs)
    beside = Beside(_start(lines, MAX_LINES), _start(proof, MAX_PROOF))
    found = []
    for at, (path, content) in enumerate(zip(files, contents, strict=True)):
        if at in reports:
            found.append(_File(path, reports[at], reports[at].messages))
            continue
        if at in others:
            found.append(_File(path, others[at], []))
            continue
        # With a key for the gateway's messages, an accompanying `open` still is its payer's.
        own = len(files) > 1 and any(collect_terms([content]))
        verdict = _checked(content, () if own else keys, known, beside)
        found.append(_File(path, verdict, [(content, verdict)]))
    lies = _lies(found)
    _print(context, found, lies)
    if lies or not all(each.result.ok for each in found):
        raise typer.Exit(1)


def _checked(message: bytes, keys: tuple[bytes, ...], known: Known, beside: Beside) -> Verdict:
    """The verdict by the first of the keys that signed it."""
    verdict = check(message, replace(known, key=keys[0] if keys else None), beside)
    for key in keys[1:]:
        if verdict.ok:
            break
        verdict = check(message, replace(known, key=key), beside)
    return verdict


@dataclass(frozen=True)
class _Lie:
    """A contradiction, by the files that its two messages are in."""

    first: _File
    second: _File
    signer: str
    why: str


def _lies(files: list[_File]) -> list[_Lie]:
    placed = [(file, message, verdict) for file in files for message, verdict in file.messages]
    found: list[Contradiction] = find(
        [message for _file, message, _verdict in placed],
        [verdict for _file, _message, verdict in placed],
    )
    return [
        _Lie(placed[each.first][0], placed[each.second][0], placed[each.first][2].signer, each.why)
        for each in found
    ]


def _key(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != _KEY_BYTES:
        raise typer.BadParameter("must be 64 hex digits", param_hint="--key")
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        # One byte more shows that it is too long, without reading what is far too long.
        start = file.read(MAX_MESSAGE + 1)
        most = MAX_BUNDLE if is_bundle(start[:64]) else MAX_EXPORT if is_export(start) else 0
        return start + file.read(most)


def _start(path: Path | None, most: int) -> bytes | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(most + 1)


def _print(context: typer.Context, files: list[_File], lies: list[_Lie]) -> None:
    root = context.find_root().obj
    if root is not None and root[1]:
        found = [_json(file) | {"contradicts": _against(file, lies)} for file in files]
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for file in files:
        if isinstance(file.result, Report):
            _print_report(file.path, file.result)
        else:
            _print_verdict(file.path, file.result)
    for lie in lies:
        first, second = lie.first.path, lie.second.path
        who = f"{first} CONTRADICTS ITSELF" if first == second else ""
        typer.echo(f"{who or f'{first} and {second} CONTRADICT EACH OTHER'}: {lie.why}")
        typer.echo(f"  proves: the holder of {lie.signer} signed both")


def _print_verdict(path: Path, verdict: Verdict) -> None:
    state = "verifies" if verdict.ok else "DOES NOT VERIFY"
    typer.echo(f"{path}: {verdict.kind}, {state}")
    if verdict.error:
        typer.echo(f"  {verdict.error}")
    if verdict.signer:
        typer.echo(f"  signed by  {verdict.signer}" if verdict.ok else "")
    _print_meaning(verdict)


def _print_report(path: Path, report: Report) -> None:
    state = "verifies" if report.ok else "DOES NOT VERIFY"
    typer.echo(f"{path}: evidence on one channel, {state}")
    width = max(len(check.what) for check in report.checks)
    for check_ in report.checks:
        sign = "ok  " if check_.ok else "FAIL"
        typer.echo(f"  {sign}  {check_.what.ljust(width)}  {check_.found}")
    _print_meaning(report)


def _print_meaning(result: Verdict | Report) -> None:
    for name, value in result.facts.items():
        typer.echo(f"  {name}: {value}")
    for each in result.proves:
        typer.echo(f"  proves: {each}")
    for each in result.does_not_prove if result.ok else []:
        typer.echo(f"  does not prove: {each}")


def _json(file: _File) -> dict[str, object]:
    if isinstance(file.result, Verdict):
        return {"file": str(file.path)} | asdict(file.result)
    found = asdict(file.result)
    del found["messages"]
    return {"file": str(file.path), "kind": "evidence", "ok": file.result.ok} | found


def _against(file: _File, lies: list[_Lie]) -> list[dict[str, str]]:
    return [
        {"file": str(lie.second.path if lie.first is file else lie.first.path), "why": lie.why}
        for lie in lies
        if lie.first is file or lie.second is file
    ]
