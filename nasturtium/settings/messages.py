"""Describes a mistake in the configuration in one sentence."""

import difflib

from nasturtium.records.runs import PICKS


def sentence(error) -> str:
    """The key, what is wrong with it and what to do, of a ``jsonschema.ValidationError``."""
    key = ".".join(str(part) for part in error.absolute_path) or "the configuration"
    rule, wanted, value = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(name for name in value if name not in known)
        full = f"{key}.{unknown}" if error.absolute_path else unknown
        near = difflib.get_close_matches(str(unknown), known, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return f"Configuration key '{full}' is not known; {remedy}"
    if rule == "type":
        names = wanted if isinstance(wanted, str) else " or ".join(wanted)
        # The value given for a URL may contain a password.
        given = "" if key.endswith("storage") else f", not {value!r}"
        remedy = f"must be of type {names}{given}."
    elif rule == "enum":
        remedy = f"must be one of {', '.join(map(str, wanted))}, not {value!r}."
    elif rule in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        bound = {
            "minimum": "at least",
            "exclusiveMinimum": "greater than",
            "maximum": "at most",
            "exclusiveMaximum": "less than",
        }[rule]
        remedy = f"must be {bound} {wanted}, not {value!r}."
    elif rule == "pattern":
        if value in PICKS:
            return (
                f"Configuration key '{key}' has the name {value!r}, which every search uses for "
                "one of its picks; choose another name. See config/README.md."
            )
        return (
            f"Configuration key '{key}' has the name {value!r}, but names may only have small "
            "letters, digits and, after the first character, underscores; choose another name. See "
            "config/README.md."
        )
    elif rule in ("minProperties", "maxProperties"):
        remedy = f"needs one of {', '.join(error.schema['properties'])}, not {value!r}."
    elif rule == "minItems":
        remedy = f"needs at least {wanted} entries."
    elif rule == "uniqueItems":
        remedy = f"must not have an entry twice: {value!r}."
    elif rule == "required":
        remedy = f"lacks a key: {error.message}."
    else:
        remedy = f"is not valid: {error.message}."
    return f"Configuration key '{key}' {remedy} See config/README.md."
