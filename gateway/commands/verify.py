"""`tallystick verify`: needs no installation, only the protocol and libsodium."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.contradictions import Contradiction, find
from gateway.verify import Known, Verdict, check, collect_terms
from protocol import MAX_MESSAGE

app = typer.Typer(add_completion=False)

_KEY_BYTES = 32


@app.command()
def run(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Signed messages (CBOR).", exists=True, dir_okay=False
        ),
    ],
    key: Annotated[
        str | None, typer.Option(help="Public key that must have signed, 64 hex digits.")
    ] = None,
    lines: Annotated[
        Path | None, typer.Option(help="A statement's lines.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Check signed messages offline, and say what they prove; status 1 if one does not verify, or
    if two of one signer contradict each other.

    Keys come from --key, or from the channel's `open` message if that is among the files (it is
    then checked against its own payer's key, and --key is for the others).
    """
    public = _key(key)
    messages = [_read(path) for path in files]
    terms = collect_terms(messages)
    verdicts = []
    for message in messages:
        # With a key for the gateway's messages, an accompanying `open` still is its payer's.
        own = len(messages) > 1 and any(collect_terms([message]))
        verdicts.append(check(message, Known(None if own else public, terms), _lines(lines)))
    contradictions = find(messages, verdicts)
    _print(context, files, verdicts, contradictions)
    if contradictions or not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(1)


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
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
        return file.read(MAX_MESSAGE + 1)


def _lines(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _print(
    context: typer.Context,
    files: list[Path],
    verdicts: list[Verdict],
    contradictions: list[Contradiction],
) -> None:
    root = context.find_root().obj
    if root is not None and root[1]:
        found = [
            {"file": str(path)}
            | asdict(verdict)
            | {"contradicts": _against(number, files, contradictions)}
            for number, (path, verdict) in enumerate(zip(files, verdicts, strict=True))
        ]
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for path, verdict in zip(files, verdicts, strict=True):
        state = "verifies" if verdict.ok else "DOES NOT VERIFY"
        typer.echo(f"{path}: {verdict.kind}, {state}")
        if verdict.error:
            typer.echo(f"  {verdict.error}")
        if verdict.signer:
            typer.echo(f"  signed by  {verdict.signer}" if verdict.ok else "")
        for name, value in verdict.facts.items():
            typer.echo(f"  {name}: {value}")
        for each in verdict.proves:
            typer.echo(f"  proves: {each}")
        for each in verdict.does_not_prove if verdict.ok else []:
            typer.echo(f"  does not prove: {each}")
    for lie in contradictions:
        first, second = files[lie.first], files[lie.second]
        typer.echo(f"{first} and {second} CONTRADICT EACH OTHER: {lie.why}")
        typer.echo(f"  proves: the holder of {verdicts[lie.first].signer} signed both")


def _against(
    number: int, files: list[Path], contradictions: list[Contradiction]
) -> list[dict[str, str]]:
    return [
        {"file": str(files[each.second if each.first == number else each.first]), "why": each.why}
        for each in contradictions
        if number in (each.first, each.second)
    ]
