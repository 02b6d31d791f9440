"""Texts of strangers, made safe to show: devices and files decide what stands in them."""


def printable(text: str) -> str:
    """Give a text that cannot steer a terminal: what is no visible letter becomes `?`."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
