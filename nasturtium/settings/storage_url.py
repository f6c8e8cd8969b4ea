"""The URL of a shared storage: which kinds are allowed, and that it has no password."""

from urllib.parse import urlsplit

from nasturtium.errors import ConfigError

_KINDS = ("sqlite", "postgresql", "mysql", "redis", "rediss")


def check(url: str, key: str) -> None:
    """Refuse a URL of an unknown kind, or with a password; the message never repeats it.

    Raises
    ------
    ConfigError
        One sentence that names the ``key``.
    """
    kind = url.partition(":")[0].partition("+")[0]
    if kind not in _KINDS or "://" not in url:
        raise ConfigError(
            f"Configuration key '{key}' must be a URL that begins with one of "
            f"{', '.join(f'{name}://' for name in _KINDS)}. See config/README.md."
        )
    if _may_hold_password(url):
        raise ConfigError(
            f"Configuration key '{key}' must not have a password, nor anything after '?', since "
            "every log would show it; set the environment variable NASTURTIUM_STORAGE_PASSWORD, or "
            "use the driver's own file. See docs/search.md."
        )


def _may_hold_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port >= 0
    except ValueError:
        # If a password contains a slash, its first part is taken for a port.
        return True
    unread = f"{parts.path}{parts.query}{parts.fragment}"
    is_file = parts.scheme.startswith("sqlite")
    odd = "" if is_file else ("@" if "@" in unread else "")
    return not has_port or parts.password is not None or bool(parts.query or parts.fragment or odd)
