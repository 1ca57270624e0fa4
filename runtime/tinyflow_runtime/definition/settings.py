"""Settings: what ``flow.node`` takes as keywords, as a value of the type that the component's settings port names."""

from __future__ import annotations

from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.component import Component, ports_of
from tinyflow_runtime.errors import SettingsError, did_you_mean
from tinyflow_runtime.payloads.conversion import convert_shape, fields_named
from tinyflow_runtime.payloads.misfits import Misfit
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.records import parts_of
from tinyflow_runtime.payloads.shapes import Record, Shape
from tinyflow_runtime.ports import Port

__all__ = ["settings_from", "settings_port"]


def settings_port(component: Component) -> Port | None:
    """The settings port of a component, or None."""
    return next((port for port in ports_of(component).values() if port.settings), None)


def settings_from(component: Component, keywords: dict[str, Any]) -> Any:
    """The settings of a node: the keywords, and the defaults for what they leave out.

    Args:
        component: The prototype; its ports are asked before it has settings, to learn their type.
        keywords: Field names to values or JSON-like documents.

    Returns:
        A value of the settings port's type; None where the component has no settings port.

    Raises:
        SettingsError: TF-109, a setting is unknown, missing, or of the wrong type.
    """
    port = settings_port(component)
    name = _called(component)
    if port is None:
        if keywords:
            given = ", ".join(keywords)
            raise _error(f"{name!r} has no settings, but was given {given}.", _how_to_have_settings(component))
        return None
    shape = shape_of(port.type)
    try:
        _refuse_ignored(keywords, shape)
        return convert_shape(keywords, shape)
    except Misfit as misfit:
        fields = [field.alias for field in fields_named(shape)]
        raise _refusal(name, misfit, fields) from None


def _refuse_ignored(keywords: dict[str, Any], shape: Shape) -> None:
    """A pydantic model ignores fields that it does not know, unless it says otherwise; here they are slips of the pen.

    Raises:
        Misfit: One is unknown.
    """
    if not (isinstance(shape, Record) and shape.kind == "pydantic"):
        return
    model: Any = shape.type  # pydantic is optional, so its types are not ours to name
    validators = model.__pydantic_decorators__.model_validators.values()
    if model.model_config.get("extra") is not None or any(each.info.mode != "after" for each in validators):
        return
    known = set(model.model_fields)
    for field in model.model_fields.values():
        alias = field.validation_alias or field.alias
        if alias is not None and not isinstance(alias, str):
            return  # a path or a choice of names
        known |= {alias} - {None}
    for name in keywords:
        if name not in known:
            told = [field.alias for field in shape.fields]
            raise Misfit(f"has no field {name!r}", kind="unknown", name=name, known=told)


def merged(component: Component, settings: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords that say the same as existing settings with some of them changed."""
    port = settings_port(component)
    shape = shape_of(port.type) if port is not None else None
    old = parts_of(settings, shape) if isinstance(shape, Record) and settings is not None else {}
    return {**old, **keywords}


def _called(component: Component) -> str:
    """The name a person gave it in the code."""
    function = getattr(component, "function", None)
    return str(function.__name__) if function is not None else type(component).__name__


def _how_to_have_settings(component: Component) -> str:
    if hasattr(component, "function"):
        return f"Settings are keyword-only parameters: def {_called(component)}(…, *, limit: float = 1.0)."
    return "Settings need a port: tf.Port('settings', 'in', MySettings, settings=True)."


def _refusal(name: str, misfit: Misfit, fields: list[str]) -> SettingsError:
    known = f"Settings of {name}: {', '.join(fields)}." if fields else ""
    if misfit.kind == "unknown" and not misfit.path:
        hint = did_you_mean(misfit.name, misfit.known)
        return _error(f"{name!r} has no setting {misfit.name!r}.", hint, known)
    if misfit.kind == "missing" and not misfit.path:
        way_out = f"Give it: flow.node(…, {name}, {misfit.name}=…)."
        return _error(f"{name!r} needs the setting {misfit.name!r}.", way_out)
    where = f"Setting {misfit.path!r} of {name!r}" if misfit.path else f"The settings of {name!r}: it"
    hint = did_you_mean(misfit.name, misfit.known)
    return _error(f"{where} {misfit.what}.", hint, "Change the value, or the type of the setting." if not hint else "")


def _error(what: str, *way_out: str) -> SettingsError:
    return SettingsError("TF-109", what, *way_out, where=place.caller())
