"""A real Apache with a small ntp.cgi behind it, as one device that is not our simulator."""

import asyncio
import base64
import datetime as dt
import hashlib
import ipaddress
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE: Final = Path(__file__).parent
MODULES: Final = Path("/usr/lib/apache2/modules")
HOST: Final = "127.0.0.1"
SERIAL: Final = "ACCC8E012345"
REALM: Final = f"AXIS_{SERIAL}"
LOGINS: Final = {
    "root": "pass",
    "viewer": "may not do this",
    "jörg": "grüße aus Köln",
    'say "hi"': 'with "quotes" too',
    "back\\slash": "C:\\temp\\",
    "コンドル": "パス:ワード",
}
HOSTS: Final = (
    "digest",
    "short_nonce",
    "one_time_nonce",
    "plain_basic",
    "tls_basic",
    "tls_digest",
    "device_id",
    "old_firmware",
    "moved",
)
"""The hosts of httpd.conf, each on its own port."""

UNPRIVILEGED: Final = "nobody"
"""Apache refuses to be root."""


class Request(NamedTuple):
    """One line of Apache's log."""

    port: int
    status: int
    client_port: int
    requests_before: int
    encoding: str | None
    login: str | None


class Apache:
    """
    A running Apache, and what it has seen.

    Attributes:
        folder: Its files, among them `root.pem`, the CA of its certificates.
        ports: The port of each host, by the names in httpd.conf.
    """

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.ports = ports
        self._log_read = 0

    def begin(self) -> None:
        """Forget what was set and what was seen."""
        (self.folder / "state.json").unlink(missing_ok=True)
        self.set_logins(LOGINS)
        self._log_read = len(self._log())

    def set_logins(self, logins: Mapping[str, str]) -> None:
        """Let these in from now on."""
        digests, hashed = [], []
        for user, password in logins.items():
            secret = hashlib.md5(f"{user}:{REALM}:{password}".encode()).hexdigest()  # noqa: S324  what htdigest files hold
            digests.append(f"{user}:{REALM}:{secret}\n")
            known = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324  likewise htpasswd files
            hashed.append(f"{user}:{{SHA}}{known}\n")
        (self.folder / "htdigest").write_text("".join(digests))
        (self.folder / "htpasswd").write_text("".join(hashed))

    async def seen(self, count: int) -> list[Request]:
        """Give the requests of this test: so many must come, and any more will be shown."""
        for _ in range(100):
            if len(self._log()) - self._log_read >= count:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        return [_request(line) for line in self._log()[self._log_read :]]

    def _log(self) -> list[str]:
        path = self.folder / "access.log"
        return path.read_text().splitlines() if path.exists() else []


def _request(line: str) -> Request:
    port, status, client_port, before, encoding, login = line.split()
    return Request(
        port=int(port),
        status=int(status),
        client_port=int(client_port),
        requests_before=int(before),
        encoding=None if encoding == "-" else encoding,
        login=None if login == "-" else login,
    )


@pytest.fixture(scope="session")
def _running_apache() -> Iterator[Apache]:
    program, account = _program(), _account()
    python = _python(account)
    # Not below tmp_path, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="axis-ntp-apache-") as made:
        folder, ports = Path(made), _free_ports()
        _write_files(folder, ports, python)
        if account:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, account["user"], account["group"])
        with (folder / "output").open("wb") as output:
            apache: subprocess.Popen[bytes] = subprocess.Popen(
                [program, "-f", str(folder / "httpd.conf"), "-DFOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # when it ends, it ends all of its process group
                **account,
            )
            try:
                _wait_until_it_listens(apache, folder, ports)
                yield Apache(folder, ports)
            finally:
                apache.terminate()
                try:
                    apache.wait(10)
                except subprocess.TimeoutExpired:
                    apache.kill()
                    apache.wait()


@pytest.fixture
def apache(_running_apache: Apache) -> Apache:
    """An Apache in the state of the factory."""
    _running_apache.begin()
    return _running_apache


def _program() -> str:
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("Apache is not installed; on Debian: apt-get install apache2")
    config = (HERE / "httpd.conf").read_text()
    wanted = re.findall(r"\$modules/(\w+\.so)", config)
    missing = [name for name in wanted if not (MODULES / name).exists()]
    if missing:
        pytest.skip(f"Apache lacks {', '.join(missing)} in {MODULES}")
    return program


def _account() -> dict[str, Any]:
    """Give whom Apache runs as, as subprocess wants it; nothing where that is ourselves."""
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam(UNPRIVILEGED)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _python(account: Mapping[str, Any]) -> str:
    """Find a Python for the CGI: our own may be where only we may go."""
    others = (shutil.which("python3", path="/usr/local/bin:/usr/bin"),)
    for python in (os.path.realpath("/proc/self/exe"), *others):
        if python is None:
            continue
        try:
            subprocess.run([python, "-ISc", "import json, re, typing"], check=True, **account)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"no python3 that the user {UNPRIVILEGED!r}, whom Apache runs as, may start")


def _free_ports() -> dict[str, int]:
    sockets = {name: socket.create_server((HOST, 0)) for name in HOSTS}
    ports = {name: one.getsockname()[1] for name, one in sockets.items()}
    for one in sockets.values():
        one.close()
    return ports


def _write_files(folder: Path, ports: Mapping[str, int], python: str) -> None:
    folder.chmod(0o755)
    config = Template((HERE / "httpd.conf").read_text())
    names = {name: str(port) for name, port in ports.items()}
    (folder / "httpd.conf").write_text(config.substitute(names, folder=folder, modules=MODULES))
    script = folder / "ntp.cgi"
    script.write_text(f"#!{python} -IS\n" + (HERE / "ntp_cgi.py").read_text())
    script.chmod(0o755)
    _write_certificates(folder)


def _wait_until_it_listens(
    apache: subprocess.Popen[bytes], folder: Path, ports: Mapping[str, int]
) -> None:
    ends_at = time.monotonic() + 20
    for port in ports.values():
        while apache.poll() is None and time.monotonic() < ends_at:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                break
        else:
            said = [(folder / name) for name in ("output", "error.log")]
            text = "\n".join(path.read_text() for path in said if path.exists())
            pytest.fail(f"Apache does not listen on port {port}; it said:\n{text}")


def _write_certificates(folder: Path) -> None:
    """Write a CA, a certificate from it for our host, and one like an Axis device ID."""
    ca_name, ca_key = _subject({NameOID.COMMON_NAME: "Root CA of the tests"}), _key()
    is_ca = x509.BasicConstraints(ca=True, path_length=0)
    ca = _certificate(ca_name, ca_key, is_ca, issuer=(ca_name, ca_key))
    (folder / "root.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    nobody = x509.SubjectAlternativeName([x509.DNSName("axis.invalid")])
    issued = {NameOID.COMMON_NAME: "lobby-3.example"}
    device_id = {
        NameOID.ORGANIZATION_NAME: "Axis Communications AB",
        NameOID.COMMON_NAME: f"axis-{SERIAL.lower()}-eccp256-1",
        NameOID.SERIAL_NUMBER: SERIAL.lower(),
    }
    for name, names, extension in (
        ("issued", issued, host),
        ("device_id", device_id, nobody),
    ):
        key = _key()
        certificate = _certificate(_subject(names), key, extension, issuer=(ca_name, ca_key))
        (folder / f"{name}.pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(names: Mapping[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in names.items()])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey],
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    issuer_name, issuer_key = issuer
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(extension, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
