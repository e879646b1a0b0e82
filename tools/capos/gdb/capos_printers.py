# SPDX-License-Identifier: Apache-2.0
"""Pretty-printers for the kernel's vocabulary types; sourced by ./capos gdb."""

import gdb
import gdb.printing


def _field(value, name):
    return int(value[name])


class DurationPrinter:
    """capos::Duration: nanoseconds."""

    def __init__(self, value):
        self._ns = _field(value, "ns_")

    def to_string(self):
        if self._ns == 2**63 - 1:
            return "max"
        return f"{self._ns:,} ns".replace(",", " ")


class TimePrinter:
    """capos::Time: nanoseconds since the machine's clock started."""

    def __init__(self, value):
        self._ns = _field(value, "ns_") & (2**64 - 1)

    def to_string(self):
        if self._ns == 2**64 - 1:
            return "never"
        return f"@ {self._ns:,} ns".replace(",", " ")


class PeriodPrinter:
    """capos::Period: an exact fraction of a second."""

    def __init__(self, value):
        self._numerator = _field(value, "numerator")
        self._denominator = _field(value, "denominator")

    def to_string(self):
        if self._numerator == 0 or self._denominator == 0:
            return f"{self._numerator}/{self._denominator} s"
        return f"{self._numerator}/{self._denominator} s ({self._denominator / self._numerator:g} Hz)"


class StrongPrinter:
    """capos::Strong<Tag, Representation>: the tag's name and the number."""

    def __init__(self, value):
        tag = str(value.type.strip_typedefs().template_argument(0))
        self._name = tag.split("::")[-1].removesuffix("Tag")
        number = _field(value, "value_")
        self._text = hex(number) if "Address" in self._name else str(number)

    def to_string(self):
        return f"{self._name} {self._text}"


class CapIdPrinter:
    """capos::abi::CapId: slot and generation."""

    def __init__(self, value):
        self._raw = _field(value, "raw") & (2**64 - 1)

    def to_string(self):
        if self._raw == 0:
            return "no capability"
        return f"capability {self._raw & 0xffffffff}, generation {self._raw >> 32}"


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("capos")
    printers.add_printer("Duration", r"^capos::Duration$", DurationPrinter)
    printers.add_printer("Time", r"^capos::Time$", TimePrinter)
    printers.add_printer("Period", r"^capos::Period$", PeriodPrinter)
    printers.add_printer("Strong", r"^capos::Strong<.*>$", StrongPrinter)
    printers.add_printer("CapId", r"^capos::abi::CapId$", CapIdPrinter)
    return printers


gdb.printing.register_pretty_printer(None, build(), replace=True)
