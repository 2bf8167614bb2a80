"""The files that a device is given: certificate, key and authority, in PEM for computers and in DER
for MicroPython."""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.pki.authority import Issued


def hand_over(folder: Path, issued: Issued, authority_pem: bytes) -> list[str]:
    """Write the files into `folder`, which is made if it is missing, keys readable by their owner
    alone; returns their names. Raises OSError, FileExistsError for a file that is there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = x509.load_pem_x509_certificate(authority_pem)
    files = {
        "ca.crt": (authority_pem, 0o644),
        "ca.der": (authority.public_bytes(serialization.Encoding.DER), 0o644),
        "device.crt": (issued.certificate_pem, 0o644),
        "device.crt.der": (issued.certificate_der, 0o644),
        "device.key": (issued.key_pem, 0o600),
        "device.key.der": (issued.key_der, 0o600),
    }
    for name, (content, mode) in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return list(files)
