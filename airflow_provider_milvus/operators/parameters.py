"""Checks of operator parameters: each refuses what is wrong with one error that names parameter, value and remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow_provider_milvus import airflow_compat

NATIVE = "set render_template_as_native_obj=True on the DAG, so that a template can make a list or a dict"
MAX_SHOWN = 200


def check_flag(name: str, value: Any) -> None:
    """Refuse what is not ``True`` or ``False``: a text such as ``"false"`` would count as true.

    :raises ValueError: naming the parameter and the value.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {_shown(value)}")


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Refuse what is none of the choices.

    :raises ValueError: naming the parameter, the value and the choices.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {_shown(value)}")


def check_name(name: str, value: Any, *, what: str, optional: bool = False) -> None:
    """Refuse what cannot be the name of something.

    :param what: whose name it is, such as ``"a collection"``.
    :param optional: whether the parameter may be left out.
    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if value is None and optional:
        return
    if not isinstance(value, str) or not value.strip():
        left_out = ", or None" if optional else ""
        native = (
            ". render_template_as_native_obj makes numbers of digits: put the template into a longer text"
            if isinstance(value, int | float) and not isinstance(value, bool)
            else ""
        )
        raise ValueError(f"{name} must be the name of {what}{left_out}, got {_shown(value)}{native}")


def check_list(name: str, value: Any, *, single: bool = False, secret: bool = False) -> None:
    """Refuse what is not a list, and a list that a template rendered to text.

    :param single: whether one text may stand for a list of it.
    :param secret: whether the value may hold a secret, so that no error quotes it.
    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if value is None or (single and isinstance(value, str) and not _is_rendered(value)):
        return
    _refuse_rendered(name, value, "a list", secret)
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Sequence):
        raise ValueError(f"{name} must be a list, got {type(value).__name__ if secret else _shown(value)}")
    for item in value:
        _refuse_rendered(f"an entry of {name}", item, "a text or a list", secret)


def check_dict(name: str, value: Any) -> None:
    """Refuse what is not a dict, and a dict that a template rendered to text.

    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if value is None:
        return
    _refuse_rendered(name, value, "a dict", secret=False)
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a dict, got {_shown(value)}")


def _refuse_rendered(name: str, value: Any, kind: str, secret: bool) -> None:
    if isinstance(value, str) and _is_rendered(value):
        shown = "a text" if secret else f"the text {_shown(value)}"
        raise ValueError(f"{name} must be {kind}, got {shown} that looks like a rendered list or dict: {NATIVE}")


def _is_rendered(value: str) -> bool:
    """Whether a text is what Python or JSON makes of a list, a tuple or a dict."""
    text = value.strip()
    return text[:1] + text[-1:] in ("[]", "{}", "()") or text.startswith(airflow_compat.LAZY_CLASSES)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
