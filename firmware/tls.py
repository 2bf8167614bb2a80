"""Whom a board trusts under TLS, and as whom it shows itself: the same on every board.

The certificate of the broker must be of the authority in `tls_ca` and for the name in
`broker_host`, and its dates must fit the board's clock. No setting turns any of this off.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.settings import Settings


def client_context(settings: "Settings") -> "object":
    """The context of a connection; None if the settings name no authority. Raises OSError,
    ValueError for files that are no use."""
    if not settings.tls_ca:
        return None
    # Only here: MicroPython may have been built without it.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]  # not in the stubs
    context.load_verify_locations(cafile=settings.tls_ca)
    if settings.tls_certificate:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
