"""
Whether a source was too starved for its silence to mean anything. Pure.

A pod under a tight CPU limit reports timeouts on open flows: ten curls at 50m take 1.6 s
each. So every round has a control that needs no network, asked with the same tool at the
same time, and each probe knows when it was asked for, was started and had ended.
"""

from __future__ import annotations

from npol.probe.command import Ended

SHARE = 0.5
"""The share of a timeout that may be lost to waiting for the CPU."""


def waited_too_little(timeout: float, ended: Ended, control: Ended | None) -> str:
    """
    Why a silence of one connection of a bundle is no evidence; "" when it is.

    The kernel answers for it: once it has begun nothing depends on the CPU's time. It may have
    begun as much later than it says as the control took, and a bundle waits longer for that.
    """
    if control is None:
        return "the source is starved: its control, which needs no network, has not ended yet"
    silent = ended.seconds - (control.ended - control.asked)
    if silent < (1 - SHARE) * timeout:
        return f"the source is starved: {max(0.0, silent):.1f} s of silence are certain"
    return ""


def starved(timeout: float, expected: float, ended: Ended, control: Ended | None) -> str:
    """
    Why a silence is no evidence; "" when it is.

    Args:
        timeout: seconds of silence that were to be waited for.
        expected: seconds that the command takes when nothing answers.
        ended: the command's own account.
        control: the control's; None: it has not come back yet.
    """
    if control is None:
        return "the source is starved: its control, which needs no network, has not ended yet"
    most = SHARE * timeout
    if (late := ended.began - ended.asked) > most:
        return f"the source is starved: the probe was started {late:.1f} s late"
    if (over := ended.seconds - expected) > most:
        return f"the source is starved: the probe ended {over:.1f} s late"
    if (took := control.ended - control.asked) > most:
        return f"the source is starved: its control, which needs no network, took {took:.1f} s"
    return ""


def lateness(expected: float, ended: Ended, control: Ended | None) -> float:
    """
    Seconds for which a silence may be the source's own: nobody may have looked for an answer that
    had come. `expected`: seconds that the command takes when nothing answers.
    """
    waits = [ended.began - ended.asked, ended.seconds - expected]
    if control:
        waits.append(control.ended - control.asked)
    return round(max(0.0, *waits), 2)
