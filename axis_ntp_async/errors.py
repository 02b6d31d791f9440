"""
Every error this package raises, in one tree.

    AxisNTPError                        base of everything we raise
    ├── InventoryError                  the operator's file is wrong: where, what is expected
    ├── PolicyError                     what is wanted of the devices cannot be, or be understood
    ├── SelectionError                  no device fits what was asked for
    ├── CredentialsError                no secret is found under that name
    ├── SettingsError                   a settings file, an option or the environment is wrong
    ├── ConfigurationError              values that no device could have; nothing was sent
    ├── PlanError                       a file is no plan, or was edited
    │   └── StalePlanError              the plan is too old to be carried out
    ├── RolloutError                    a run cannot be begun, found, or gone on with
    │   └── JournalError                the journal is damaged, full, or no journal
    │       └── JournalLockedError      another process is at it
    ├── HistoryError                    the history is damaged, full, or no history
    │   └── HistoryLockedError          another process is at it
    ├── DeliveryError                   a notice did not reach whom it was for
    │   └── NoticeRefusedError          nor will it: it was refused for what it is
    └── DeviceError                     one device failed: becomes `Outcome.error`
        ├── DeviceUnreachableError      refused, reset, no such name, no answer in time   retryable
        ├── DeviceBusyError             HTTP 429, 502, 503, 504; carries Retry-After      retryable
        ├── AccessBlockedError          HTTP 403: blocked for a while, or no right        once more
        ├── CertificateRejectedError    the certificate is not the one we trust           never
        ├── IdentityMismatchError       another device answers at this address            never
        ├── LoginRefusedError           HTTP 401                                          never
        ├── PlaintextLoginError         it wants the password in clear text               never
        ├── NotTriedError               the run was stopped before its turn came          never
        │   ├── CredentialSuspendedError    others refused the same credentials
        │   └── TooManyOpenFilesError   we ourselves may open no more files           retryable
        ├── UnsupportedDeviceError      HTTP 404, 405: no ntp.cgi, or it lacks a member   never
        ├── ConfigurationRefusedError   it could not take the values; nothing was sent    never
        ├── UnexpectedResponseError     not JSON, wrong shape, too large, a redirect      never
        └── APIError                    the device's own error object                     never
            ├── InternalDeviceError     1000, or HTTP 500 without a code                  retryable
            ├── RequestRejectedError    2000 2001 3000 4000 4003, and codes we do not know
            ├── UnsupportedVersionError 4001, or it lists only versions we do not know
            ├── NotAuthorizedError      4002, which comes with HTTP 200
            └── InvalidParameterError   4004; names the parameter

*Whether* a failure is worth another try is known by its error. *How patient*
we are is known by `RetryPolicy`. Trying again is always safe: every method
of this API may be repeated, because setting overwrites.

Arguments are positional and go to `super().__init__`, so that every error
survives `pickle` on its way between processes.
"""

from typing import ClassVar, Final

BLOCKED_WAIT_S: Final = 11.0
"""A device blocks an address for 10 s after too many failed logins; asking may prolong it."""

PARAMETER_OF_SUB_CODE: Final = {
    1: "enabled",
    2: "serversSource",
    3: "staticServers",
    5: "NTSEnabled",
    6: "staticNTSKEServers",
    7: "minpoll",
    8: "maxpoll",
    9: "NTSKEServerCACerts",
}
"""Source: NTP API, NTP invalid parameter error sub codes. There is no 4."""

_LONGEST_MESSAGE: Final = 600


class AxisNTPError(Exception):
    """Base of every error of this package."""


class InventoryError(AxisNTPError):
    """
    An inventory cannot be used; every fault of the file is in the message.

    Attributes:
        faults: One sentence each, beginning with the place (file and line or entry).
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class PolicyError(AxisNTPError):
    """
    A policy cannot be used; every fault of the file is in the message.

    Attributes:
        faults: One sentence each, beginning with the place (file and line or override).
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class SelectionError(AxisNTPError):
    """A selection names nothing that is in the inventory, or cannot be read."""


class CredentialsError(AxisNTPError):
    """The secret of one named entry of the inventory cannot be had."""


class SettingsError(AxisNTPError):
    """A settings file, an environment variable or an option has a wrong value."""


class ConfigurationError(AxisNTPError, ValueError):
    """
    No device could have or accept these values, so nothing was sent.

    Attributes:
        faults: One sentence each, beginning with the member's name.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(self.faults)


class PlanError(AxisNTPError):
    """
    A plan cannot be used.

    Attributes:
        faults: One sentence each, beginning with the place.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class StalePlanError(PlanError):
    """The plan is older than it may be: read the devices anew."""


class RolloutError(AxisNTPError):
    """A run cannot be begun, found, or gone on with."""


class JournalError(RolloutError):
    """The journal cannot be read or written, so nothing more is sent."""


class JournalLockedError(JournalError):
    """Another process is at the journal; there is one run at a time."""


class HistoryError(AxisNTPError):
    """The history of a watch cannot be read or written; sweeping goes on without it."""


class HistoryLockedError(HistoryError):
    """Another process writes this history; there is one at a time."""


class DeliveryError(AxisNTPError):
    """A notice did not reach its webhook or command; it is kept, and sent again later."""


class NoticeRefusedError(DeliveryError):
    """Whoever is to be told takes no such notice; to send it again does not help."""


class DeviceError(AxisNTPError):
    """
    One call to one device failed.

    Attributes:
        device: Name of the device.
        message:
            What happened and, where we know it, what to do about it. One
            line, printable and not endless, whatever the device has said.

        retryable: Whether another try may succeed without anybody doing anything.
        most_attempts: An upper bound of its own, whatever the policy allows.
        wait_at_least_s: Seconds to leave the device alone before another try.
    """

    retryable: ClassVar[bool] = False
    most_attempts: ClassVar[int | None] = None
    wait_at_least_s: float = 0.0

    def __init__(self, device: str, message: str, *details: object) -> None:
        message = _one_line(message)
        super().__init__(device, message, *details)
        self.device = device
        self.message = message

    def __str__(self) -> str:
        return f"{self.device}: {self.message}"


def _one_line(text: str) -> str:
    shown = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in shown)


class DeviceUnreachableError(DeviceError):
    """No connection, a broken one, or no answer in time."""

    retryable = True


class DeviceBusyError(DeviceError):
    """
    The device is alive and asks us to come back (HTTP 429, 502, 503, 504).

    Attributes:
        wait_at_least_s: Seconds from its Retry-After header, 0 without one.
    """

    retryable = True

    def __init__(self, device: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(device, message, retry_after_s)
        self.wait_at_least_s = retry_after_s


class AccessBlockedError(DeviceError):
    """HTTP 403: blocked after failed logins from our address, or the user has no right."""

    retryable = True
    most_attempts = 2
    wait_at_least_s = BLOCKED_WAIT_S


class CertificateRejectedError(DeviceError):
    """The TLS certificate of the device is not one that its policy trusts."""


class IdentityMismatchError(DeviceError):
    """The realm or the certificate names another serial than the inventory."""


class LoginRefusedError(DeviceError):
    """HTTP 401: the device does not accept the user name or the password."""


class PlaintextLoginError(DeviceError):
    """The device asks for Basic over plain HTTP, which would tell the password to everybody."""


class NotTriedError(DeviceError):
    """The device's turn did not come, mostly since the run was stopped; nothing was sent."""


class CredentialSuspendedError(NotTriedError):
    """Not tried: too many devices in a row refused the credentials of that name."""


class TooManyOpenFilesError(NotTriedError):
    """Not tried: this process has as many files open as it may; no fault of the device."""

    retryable = True


class UnsupportedDeviceError(DeviceError):
    """The product or its firmware lacks the NTP API or the member we need."""


class ConfigurationRefusedError(DeviceError):
    """The device could not take this configuration; nothing was sent."""


class UnexpectedResponseError(DeviceError):
    """The answer is not what the NTP API promises."""


class APIError(DeviceError):
    """
    The device answered with an error object.

    Attributes:
        code: The number as sent, also when we do not know it; `None` when there was none.
        sub_code: The number under `details`, if one was sent.

    Source: NTP API, General error codes.
    """

    def __init__(
        self, device: str, message: str, code: int | None, sub_code: int | None = None
    ) -> None:
        super().__init__(device, message, code, sub_code)
        self.code = code
        self.sub_code = sub_code

    def __str__(self) -> str:
        if self.code is None:
            return super().__str__()
        numbers = f"error {self.code}"
        if self.sub_code is not None:
            numbers += f", sub code {self.sub_code}"
        return f"{self.device}: {self.message} ({numbers})"


class InternalDeviceError(APIError):
    """Code 1000, or HTTP 500 without a readable error object: then `code` is `None`."""

    retryable = True


class RequestRejectedError(APIError):
    """Codes 2000, 2001, 3000, 4000, 4003, and every code we do not know."""


class UnsupportedVersionError(APIError):
    """Code 4001, or the device lists only major versions that we do not know."""


class NotAuthorizedError(APIError):
    """Code 4002: the login is right, but may not do this."""


class InvalidParameterError(APIError):
    """
    Code 4004: the device refuses a value.

    Attributes:
        parameter: Its name in the document; `None` for a sub code we do not know.
    """

    @property
    def parameter(self) -> str | None:
        """The refused member, named as on the wire."""
        return None if self.sub_code is None else PARAMETER_OF_SUB_CODE.get(self.sub_code)

    def __str__(self) -> str:
        named = f": {self.parameter}" if self.parameter else ""
        return super().__str__() + named
