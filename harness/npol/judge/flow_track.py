"""One flow's samples in one step: whether the last of them is final, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile

from npol.judge.sample import Patience, Sample, Signature, may_start
from npol.model.agreement import Agreement
from npol.model.enforcement import EnforcementInterval
from npol.model.expectation import Outcome, Verdict
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Evidence, Judgement, Witnesses

TRIES = 5
"""Samples that a flow is given, whatever the deadline, while something is lacking to judge it."""
GIVE_UP_AFTER_ERRORS = 3
"""Equal samples of `unknown` in a row, the last `ERROR_SPAN` seconds after the first had ended."""
ERROR_SPAN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The final word on one flow in one step."""

    judgement: Judgement
    witnesses: Witnesses
    rounds: int
    enforced_after: float | None
    """Seconds from the change to the last wrong outcome; None without a change."""
    settled_after: float
    enforced_by: float | None = None
    """Seconds from the change after which it was enforced for sure; None: nothing shows it."""
    enforced_between: EnforcementInterval | None = None
    """The same by the data plane's records."""
    evidence: tuple[Evidence, ...] = ()
    """Of the last round that ended."""


@dataclass(slots=True)
class Track:
    """One flow's samples in one step, in the order in which they were started."""

    before: Signature | None
    predicted: Agreement | None = None
    """What agrees with the prediction; None without one."""
    trust_packets: bool = False
    """Whether packets win against the prediction at the deadline."""
    samples: list[Sample] = field(default_factory=list)
    seen_old_at: float | None = None
    """When it was last seen, before any sample, to be what it was before the step."""
    _missing: int | None = None
    """What `missing` was found to be since the last sample came."""

    def add(self, sample: Sample) -> None:
        self.samples.append(sample)
        self.samples.sort(key=lambda s: s.started)
        self._missing = None

    @property
    def heard(self) -> Sequence[Sample]:
        """The samples but those whose source starved, which say nothing; all, if it always did."""
        return [s for s in self.samples if not s.starved] or self.samples

    def changed(self) -> bool:
        """
        Whether what is seen now differs from what was seen before the step; where that is not
        known, from what was seen earlier in it. What comes back to what it was has not changed,
        and an error was no answer that could.
        """
        now = self.heard[-1].signature
        if self.before is not None:
            return self.before != now
        earlier = {s.signature for s in self.samples if s.judgement.outcome is not Outcome.ERROR}
        return bool(earlier - {now})

    def about_to_change(self) -> bool:
        """
        Whether the prediction says that this step changes it visibly: a sample from before the
        quiet time's end will do then.
        """
        if self.before is None or self.predicted is None:
            return False
        return not self.predicted.holds(*self.before)

    def settled(self, patience: Patience) -> bool:
        return self.missing(patience) == 0

    def missing(self, patience: Patience) -> int:
        """How many more samples like the last ones would make it final."""
        if self._missing is None:
            alike = takewhile(self._conclusive, self._repeated(patience))
            self._missing = max(0, patience.stable - len(list(alike)))
        return self._missing

    def _repeated(self, patience: Patience) -> Iterator[Sample]:
        """The last samples, backwards, as long as they say the same and are no old answer."""
        heard = self.heard
        return takewhile(lambda s: self._counts(s, heard[-1], patience), reversed(heard))

    def _is_once(self, patience: Patience) -> bool:
        """Whether what was seen last is as expected, and was not seen often enough."""
        often = len(list(self._repeated(patience))) >= patience.stable
        return self.heard[-1].matched and not often

    def _counts(self, sample: Sample, last: Sample, patience: Patience) -> bool:
        alike = (sample.signature, sample.matched) == (last.signature, last.matched)
        if not alike or may_start(sample, patience):
            return False
        if sample.started >= patience.quiet_until:
            return True
        return self.predicted is not None and self.changed()

    def _conclusive(self, sample: Sample) -> bool:
        """Whether more samples like this one may end the wait before the deadline."""
        judgement = sample.judgement
        if judgement.decided is not None:
            return judgement.decided
        if judgement.verdict is Verdict.UNKNOWN:
            return False
        if self.predicted is None:
            return sample.matched or judgement.proven
        return self._as_predicted(sample)

    def _as_predicted(self, sample: Sample) -> bool:
        """A drop that records prove is a deny, however the network answers it."""
        if self.predicted is None:
            return False
        dropped = sample.judgement.proven and Outcome.TIMEOUT in self.predicted.outcomes
        return dropped or self.predicted.holds(*sample.signature)

    @property
    def witnesses(self) -> Witnesses:
        """Who stands behind the last sample."""
        if self.predicted is None:
            return Witnesses.PACKETS_ONLY
        return Witnesses.AGREE if self._as_predicted(self.heard[-1]) else Witnesses.DIFFER

    def heard_out(self, patience: Patience) -> bool:
        """
        Whether it had as many samples as could have made it final; where the last one lacks a
        control, as many as it would have had if rounds were quick. A match that was seen once may
        be one lost packet.
        """
        heard = self.heard
        if self._is_once(patience) or heard[-1].started < patience.quiet_until:
            return False
        lacking = heard[-1].judgement.verdict is Verdict.UNKNOWN
        return not heard[-1].starved and len(heard) >= (TRIES if lacking else patience.stable)

    def hopeless(self, patience: Patience) -> bool:
        """
        Nothing but the same trouble, for long enough: more rounds will not help. A silence that
        lacks a control is no such trouble, as source or target may be back before the deadline;
        nor is a source that starves, which is asked less at once from then on.
        """
        alike = list(takewhile(lambda s: self._as_troubled(s, patience), reversed(self.samples)))
        if len(alike) < GIVE_UP_AFTER_ERRORS:
            return False
        return alike[0].started - alike[-1].finished >= ERROR_SPAN

    def _as_troubled(self, sample: Sample, patience: Patience) -> bool:
        silent = sample.judgement.outcome in (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
        if silent or sample.starved or sample.started < patience.quiet_until:
            return False
        return sample.trouble is not None and sample.trouble == self.samples[-1].trouble

    def flapped(self) -> bool:
        """
        Right, wrong, right, wrong: more than one way back is no enforcement delay. Each of them
        must have ended before the next began: of two that were under way at once nobody knows
        which met the network first.
        """
        turns: list[bool] = []
        ended = 0.0
        for sample in self._telling():
            if not turns or (sample.matched is not turns[-1] and sample.started >= ended):
                turns.append(sample.matched)
                ended = sample.finished
            elif sample.matched is turns[-1]:
                ended = min(ended, sample.finished)
        return sum(a and not b for a, b in pairwise(turns)) > 1

    def _telling(self) -> list[Sample]:
        """
        The samples that say something of the network: not those whose probe did not run, nor
        those that saw what is expected and lack a control. A starved source has both in turns. Nor
        those whose packet arrived at a target that was silent.
        """
        nothing = {s.judgement.outcome for s in self.samples if s.matched} | {Outcome.ERROR}
        return [
            s
            for s in self.samples
            if s.judgement.verdict is not Verdict.UNKNOWN
            or not (s.judgement.outcome in nothing or s.of_target)
        ]

    def result(self, patience: Patience) -> Settled:
        last = self.heard[-1]
        since = patience.changed_at
        first = self._first_match()
        enforced = None if since is None else max((at - since for at in self._wrong()), default=0.0)
        return Settled(
            judgement=self._final(last, patience),
            witnesses=self.witnesses,
            rounds=len(self.samples),
            enforced_after=enforced,
            enforced_by=None if since is None or first is None else self._shown_at(first) - since,
            settled_after=last.finished - (patience.started if since is None else since),
        )

    def _wrong(self) -> Iterator[float]:
        """When it was asked, and did otherwise than is expected."""
        yield from (s.started for s in self.samples if not s.matched)
        if self.seen_old_at is not None and self.changed():
            yield self.seen_old_at

    def _first_match(self) -> Sample | None:
        """The first of the samples as expected that no other one follows."""
        alike = list(takewhile(lambda s: s.matched, reversed(self.samples)))
        return alike[-1] if alike else None

    def _shown_at(self, sample: Sample) -> float:
        """When it shows the new state: a silence when it was asked, an answer when it came."""
        silent = sample.judgement.outcome in (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
        return sample.started + (0.0 if silent else sample.judgement.seconds)

    def _against_prediction(self, last: Sample) -> Judgement | None:
        """Packets that meet the expectation although the policies say otherwise prove nothing."""
        if not last.matched or self.trust_packets or self.witnesses is not Witnesses.DIFFER:
            return None
        reason = Reason(code=ReasonCode.AGAINST_PREDICTION, seen=(last.judgement.seen,))
        return replace(last.judgement, verdict=Verdict.UNKNOWN, reason=reason)

    def _final(self, last: Sample, patience: Patience) -> Judgement:
        if not self.flapped():
            if self._is_once(patience):
                reason = Reason(code=ReasonCode.SEEN_ONCE, total=patience.stable)
                return replace(last.judgement, verdict=Verdict.UNKNOWN, reason=reason)
            return self._against_prediction(last) or last.judgement
        seen = tuple(s.judgement.seen for s in self.samples[-6:])
        return Judgement(
            verdict=Verdict.FLAPPING,
            outcome=last.judgement.outcome,
            status=last.judgement.status,
            reason=Reason(code=ReasonCode.FLAPPING, seen=seen),
        )
