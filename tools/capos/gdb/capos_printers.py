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


class CurrentCpu(gdb.Function):
    """$capos_cpu(): the kernel's block of the CPU that gdb looks at, once the kernel has made it."""

    kLocal = 24  # PerCpu::local of hal/x86_64/per_cpu.hpp, whose address is the kernel's GS base

    def __init__(self):
        super().__init__("capos_cpu")

    def invoke(self):
        base = int(gdb.parse_and_eval("$gs_base")) & (2**64 - 1)
        if base < 2**63:  # a program's: the kernel's is put by
            base = int(gdb.parse_and_eval("$k_gs_base")) & (2**64 - 1)
        cpu = gdb.lookup_type("capos::kernel::Cpu").pointer()
        return gdb.Value(base + self.kLocal).cast(cpu.pointer()).dereference().dereference()


def _enumerant(value):
    """An enumeration's name without its type; the number if it has none."""
    return str(value).split("::")[-1]


class ThreadPrinter:
    """capos::kernel::Thread: whose, where, and in which state."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        thread = self._value
        return (
            f"thread {_field(thread, 'number')} of process {_field(thread['process'], 'number_')}, "
            f"CPU {_field(thread['home'], 'where_') & 0x7FFF}, {_enumerant(thread['state'])}, "
            f"{'on a context' if int(thread['bound']) else 'best effort'}"
        )


class RefillListPrinter:
    """capos::sched::RefillList: amounts of time, and when each may be used."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        first, size, slots = _field(self._value, "first_"), _field(self._value, "size_"), self._value["slots_"]["_M_elems"]
        low, high = slots.type.strip_typedefs().range()
        pieces = [slots[(first + i) % (high - low + 1)] for i in range(size)]
        return f"{size} refills: " + ", ".join(f"{piece['amount']} {piece['time']}" for piece in pieces)


class ContextPrinter:
    """capos::sched::Context, and the kernel's with it: budget, period, priority, state, refills."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        context = self._value
        parameters = context["parameters_"]
        return (
            f"context: {parameters['budget']} of each {parameters['period']}, "
            f"{context['priority_']}, {_enumerant(context['state_'])}, {context['refills_']}"
        )


class ReadyQueuePrinter:
    """capos::sched::ReadyQueue: how many are ready, and at which priorities."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        words = self._value["bitmap_"]["_M_elems"]
        low, high = words.type.strip_typedefs().range()
        levels = [64 * word + bit for word in range(high - low + 1) for bit in range(64)
                  if int(words[word]) >> bit & 1]
        at = f" at priorities {', '.join(map(str, reversed(levels)))}" if levels else ""
        return f"{_field(self._value, 'size_')} ready{at}"


class CapabilityTablePrinter:
    """capos::kernel::CapabilityTable: what is held, by slot; at most kShown of it."""

    kShown = 64
    kSlotsPerChunk = 128  # a page of entries of 32 bytes

    def __init__(self, value):
        self._value = value

    def to_string(self):
        return f"{_field(self._value, 'in_use_')} capabilities in {_field(self._value, 'slots_')} slots"

    def children(self):
        shown = 0
        for slot in range(1, _field(self._value, "slots_")):
            entry = self._value["directory_"][slot // self.kSlotsPerChunk][slot % self.kSlotsPerChunk]
            if int(entry["object_"]) == 0:
                continue
            if shown == self.kShown:
                yield "more", "..."
                return
            shown += 1
            generation = _field(entry, "guard_") >> 32 & 0xFFFFFFFF
            yield f"slot {slot}", f"interface {_field(entry, 'interface_id_') & (2**64 - 1):#x}, generation {generation}"


class RingHeaderPrinter:
    """capos::abi::RingHeader: what is submitted and what has completed."""

    def __init__(self, value):
        self._value = value

    def to_string(self):
        ring = self._value
        waiting = (_field(ring, "sq_tail") - _field(ring, "sq_head")) & 0xFFFFFFFF
        done = (_field(ring, "cq_tail") - _field(ring, "cq_head")) & 0xFFFFFFFF
        return (
            f"ring: {waiting} of {_field(ring, 'sq_entries')} entries submitted and not taken, "
            f"{done} of {_field(ring, 'cq_entries')} completions not reaped"
        )


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("capos")
    printers.add_printer("Duration", r"^capos::Duration$", DurationPrinter)
    printers.add_printer("Time", r"^capos::Time$", TimePrinter)
    printers.add_printer("Period", r"^capos::Period$", PeriodPrinter)
    printers.add_printer("Strong", r"^capos::Strong<.*>$", StrongPrinter)
    printers.add_printer("CapId", r"^capos::abi::CapId$", CapIdPrinter)
    printers.add_printer("Thread", r"^capos::kernel::Thread$", ThreadPrinter)
    printers.add_printer("RefillList", r"^capos::sched::RefillList$", RefillListPrinter)
    printers.add_printer("Context", r"^capos::(sched::Context|kernel::SchedulingContext)$", ContextPrinter)
    printers.add_printer("ReadyQueue", r"^capos::sched::ReadyQueue$", ReadyQueuePrinter)
    printers.add_printer("CapabilityTable", r"^capos::kernel::CapabilityTable$", CapabilityTablePrinter)
    printers.add_printer("RingHeader", r"^capos::abi::RingHeader$", RingHeaderPrinter)
    return printers


CurrentCpu()
gdb.printing.register_pretty_printer(None, build(), replace=True)
