"""
A plan as JSON: to be read by people, kept in a file, and carried out later.

It holds references to secrets, never secrets. Members are only ever added to
its schema. Each device's pre-image stands there with its digest, so that a
plan whose pre-image was edited by hand is found out.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any, Final, TypeVar, get_args, get_origin

from attrs import evolve, has
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from axis_ntp_async.device import strict
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import AxisNTPError, PlanError
from axis_ntp_async.rollout.plan import Plan, Step, Wave, plain_configuration, plain_value

T = TypeVar("T")

SCHEMA: Final = "axis-ntp/plan/v1"


def _converter() -> Converter:
    converter = Converter()
    _refuse_other_containers(converter)
    for kind, reader in (
        (bool, strict.boolean),
        (int, strict.integer),
        (float, strict.number),
        (str, strict.text),
    ):
        converter.register_structure_hook(kind, reader)
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[str, ...], lambda names, _: strict.names(names)
    )
    converter.register_structure_hook(dt.datetime, lambda text, _: _moment(text))
    converter.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
    converter.register_unstructure_hook(NTPClientConfiguration, plain_configuration)
    converter.register_unstructure_hook(
        Device, make_dict_unstructure_fn(Device, converter, _cattrs_omit_if_default=True)
    )
    return converter


def _refuse_other_containers(converter: Converter) -> None:
    """Let no list pass for an object without members, and no object for an empty list."""

    def reader_of(kind: type[Any]) -> Callable[[Any, Any], Any]:
        read = make_dict_structure_fn(kind, converter)
        return lambda value, _: read(_object(value), kind)

    def mapping(value: object, kind: object) -> object:
        within: Any = GenericAlias(dict, get_args(kind))
        return converter.structure(_object(value), within)

    def many(value: object, kind: object) -> object:
        within: Any = GenericAlias(list, get_args(kind)[:1])
        return tuple(converter.structure(_list(value), within))

    converter.register_structure_hook_factory(has, reader_of)
    converter.register_structure_hook_func(_comes_from(Mapping), mapping)
    converter.register_structure_hook_func(_comes_from(tuple), many)


def _comes_from(container: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is container


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        strict.refuse(value, "an object")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        strict.refuse(value, "a list")
    return value


def _moment(text: object) -> dt.datetime:
    moment = dt.datetime.fromisoformat(strict.text(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} lacks its time zone")
    return moment


CONVERTER: Final = _converter()
"""Between the records of a rollout and JSON, with strict types."""

_HEAD: Final = ("made_at", "made_by", "inventory", "policy", "policy_digest", "rollback_of")


def plan_document(plan: Plan) -> dict[str, Any]:
    """Give a plan as JSON has it."""
    return {
        "schema": SCHEMA,
        **plan_head(plan),
        "totals": {
            "devices": len(plan.steps) + len(plan.as_desired) + len(plan.unplannable),
            "to_change": len(plan.steps),
            "as_desired": len(plan.as_desired),
            "unplannable": len(plan.unplannable),
        },
        "waves": [_wave_document(wave) for wave in plan.waves],
    }


def plan_head(plan: Plan) -> dict[str, Any]:
    """Give a plan without its steps."""
    plain = CONVERTER.unstructure(evolve(plan, steps=()))
    return {
        **{name: plain[name] for name in _HEAD},
        "rules": plain["rules"],
        "credentials": plain["credentials"],
        "as_desired": plain["as_desired"],
        "unplannable": plain["unplannable"],
    }


def _wave_document(wave: Wave) -> dict[str, Any]:
    return {
        "wave": wave.number,
        "canary": wave.is_canary,
        "steps": [step_document(step) for step in wave.steps],
    }


def step_document(step: Step) -> dict[str, Any]:
    """Give a step as JSON has it; its changes and digest are there to be read."""
    plain: dict[str, Any] = CONVERTER.unstructure(step)
    return {
        **plain,
        "digest": step.digest,
        "changes": [
            {
                "member": change.member,
                "before": plain_value(change.before),
                "after": plain_value(change.after),
            }
            for change in step.changes
        ],
    }


def write_plan(plan: Plan, path: Path) -> None:
    """
    Write a plan into a file, whole or not at all.

    Raises:
        PlanError: It cannot be written.
    """
    text = json.dumps(plan_document(plan), ensure_ascii=False, indent=1)
    beside = path.parent / f".{path.name}.{os.getpid()}"
    try:
        beside.touch(mode=0o600)  # references may name programs and paths
        beside.write_text(f"{text}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise PlanError(f"{path}: cannot be written: {error.strerror}") from error


def read_plan(path: Path) -> Plan:
    """
    Read a plan from a file.

    Raises:
        PlanError: It is none, or was edited; every fault at once.
    """
    try:
        document = strict.load(path.read_bytes())
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PlanError(f"{path}: is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise PlanError(f"{path}: is no plan; 'axis-ntp plan … --out FILE' writes one")
    try:
        return plan_from(document)
    except PlanError as error:
        raise PlanError(*(f"{path}: {fault}" for fault in error.faults)) from error


def is_plan(path: Path) -> bool:
    """Tell whether a file is a plan and not an inventory, by its beginning."""
    try:
        with path.open("rb") as file:
            return SCHEMA.rpartition("/")[0].encode() in file.read(200)
    except OSError:
        return False


def plan_from(document: Mapping[str, Any]) -> Plan:
    """
    Read a plan.

    Raises:
        PlanError: Every fault, with its place.
    """
    waves = document.get("waves")
    if not isinstance(waves, list):
        raise PlanError("waves: is missing, or no list")
    faults: list[str] = []
    steps: list[Step] = []
    for place, wave in enumerate(waves):
        entries = wave.get("steps") if isinstance(wave, dict) else None
        if not isinstance(entries, list) or not entries:
            faults.append(f"waves[{place}].steps: is missing, empty, or no list")
            continue
        for number, entry in enumerate(entries):
            try:
                steps.append(_step_in(place + 1, entry))
            except PlanError as error:
                faults += [f"waves[{place}].steps[{number}]: {fault}" for fault in error.faults]
    faults += _faults_of_doubles(steps)
    try:
        plan = head_from(document)
    except PlanError as error:
        faults += error.faults
    if faults:
        raise PlanError(*faults)
    return evolve(plan, steps=tuple(steps))


def head_from(document: Mapping[str, Any]) -> Plan:
    """
    Read a plan without its steps.

    Raises:
        PlanError: Every fault.
    """
    members = {name: document[name] for name in document if name not in {"waves", "totals"}}
    return _structured({**members, "steps": []}, Plan)


def step_from(document: Mapping[str, Any]) -> Step:
    """
    Read a step.

    Raises:
        PlanError: Every fault; or its pre-image is not the one its digest was made of.
    """
    step = _structured(document, Step)
    if document.get("digest") != step.digest:
        raise PlanError(f"{step.device.name}: 'before' was edited: its digest does not fit")
    return step


def _step_in(wave: int, document: Mapping[str, Any]) -> Step:
    step = step_from(document)
    if step.wave != wave:
        raise PlanError(f"wave: is {step.wave}, but it stands in wave {wave}")
    return step


def _faults_of_doubles(steps: list[Step]) -> list[str]:
    names = Counter(step.device.name for step in steps)
    return [f"{name}: stands there {count} times" for name, count in names.items() if count > 1]


def _structured(document: object, kind: type[T]) -> T:
    try:
        return CONVERTER.structure(document, kind)
    except (BaseValidationError, AxisNTPError, strict.WrongTypeError, TypeError) as error:
        faults = transform_error(error, path="", format_exception=_fault)
        raise PlanError(*map(_with_its_place, faults)) from error


def _fault(error: BaseException, _: type[Any] | None) -> str:
    return "is missing" if isinstance(error, KeyError) else str(error)


def _with_its_place(fault: str) -> str:
    text, _, place = fault.rpartition(" @ ")
    return f"{place.removeprefix('.')}: {text}" if place else text


def configuration_from(document: Mapping[str, Any]) -> NTPClientConfiguration:
    """Read a configuration."""
    return _structured(document, NTPClientConfiguration)
