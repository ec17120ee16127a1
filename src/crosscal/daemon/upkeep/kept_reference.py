"""Reference conditions of a board as the upkeep keeps them: ranges compared, slopes and ageing followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from crosscal.core.array_types import Vectors
from crosscal.core.errors import InputError
from crosscal.daemon.upkeep.known_vectors import KnownReadings, VectorReader
from crosscal.daemon.upkeep.matrix_age import MatrixAge
from crosscal.runtime.recalibration.posterior import ColumnPosterior
from crosscal.runtime.reference.ageing import Ageing
from crosscal.runtime.reference.range_law import RangeLaw
from crosscal.runtime.reference.reference_conditions import ReferenceConditions
from crosscal.runtime.reference.referral import Referral
from crosscal.runtime.reference.temperature_slopes import TemperatureSlopes

FACT = "reference_conditions"
"""Name among the facts of a calibration."""
Inputs = Callable[[float], Vectors]
"""Gives inputs [V], (K, N), with currents from 0 up to a range [A]."""


class KeptReference:
    """Reference conditions, learned from the board's own readings; they belong to it, whatever its matrix.

    Args:
        age: of the matrix.
    """

    def __init__(self, age: MatrixAge) -> None:
        self._age = age
        self._conditions = ReferenceConditions()
        self._slopes: dict[int, TemperatureSlopes] = {}
        self._ageing = Ageing()
        self._known_in: list[int] = []
        self._given: dict[tuple[int, float | None], Referral] = {}
        self._given_of: ReferenceConditions | None = None
        self._aged: tuple[Referral, float, Referral] | None = None

    def knows(self, range_index: int) -> bool:
        """Whether readings in a range can be referred."""
        return range_index in self._conditions.laws

    @property
    def factor(self) -> float:
        """Currents at the present age of the matrix relative to those at its latest recalibration."""
        # To the digits that matter, so that reads one after the other have the same.
        return round(self._ageing.factor(self._age.age_s), 6) if self._age.seen else 1.0

    @property
    def factor_deviation(self) -> float:
        """Standard deviation of that factor, relative to it."""
        return self._ageing.deviation(self._age.age_s) if self._age.seen else 0.0

    def refer(self, range_index: int, temperature_c: float | None) -> Referral:
        """Give the referral of readings in a range at a temperature and at present, as it is known now."""
        present, factor = self.refer_present(range_index, temperature_c), self.factor
        if factor == 1.0:
            return present
        if self._aged is None or self._aged[:2] != (present, factor):
            self._aged = present, factor, replace(present, factor=factor)
        return self._aged[2]

    def refer_present(self, range_index: int, temperature_c: float | None) -> Referral:
        """Give the same but for the age of the matrix."""
        asked = range_index, temperature_c
        if self._given_of is not self._conditions or self._given.get(asked) is None:
            # Reads ask for the same one again and again.
            self._given_of = self._conditions
            self._given = {asked: self._conditions.referral(range_index, temperature_c)}
        return self._given[asked]

    def compare(
        self, range_index: int, reader: VectorReader, inputs: Inputs, temperature_c: float | None
    ) -> float:
        """Learn a range by vectors that are read in it and in the reference range.

        From readings of a board over its temperature limit nothing is learned: the range stays unknown, and
        is compared again when it is used next.

        Args:
            range_index: the range; the first one of all becomes the reference.
            reader: of the board.
            inputs: gives inputs for the smaller of the two ranges.
            temperature_c: at present; None without a thermometer.

        Returns:
            Time that it took from the board [s].

        Raises:
            BoardError: from the board.
        """
        reference_index = self._conditions.reference_index
        if reference_index is None:
            columns = reader.hardware.facts.columns
            self._conditions = self._conditions.with_law(
                range_index, RangeLaw.of_reference(columns, temperature_c)
            )
            return 0.0
        compared = reference_index, range_index
        ranges_a = reader.hardware.facts.ranges_a
        graded_v = inputs(min(ranges_a[at] for at in compared))
        reference, other = (reader.read_in(at, graded_v) for at in compared)
        if not (reference.over_temperature or other.over_temperature):
            referred_a = self.refer_present(reference_index, temperature_c)(reference.measured_a)
            law = RangeLaw.between(referred_a, other.measured_a, temperature_c)
            if range_index in self._slopes:
                law = law.with_slopes(self._slopes[range_index].slopes)
            self._conditions = self._conditions.with_law(range_index, law)
        return reference.board_s + other.board_s

    def follow(self, known: KnownReadings, age_s: float) -> None:
        """Learn temperature slopes from a reading of the sentinels of a matrix of some age [s]."""
        at, temperature_c = known.range_index, known.temperature_c
        if at is None or temperature_c is None or not self.knows(at):
            return
        learned = self._slopes.setdefault(at, TemperatureSlopes(known.measured_a.shape[1]))
        if learned.take(known.measured_a, temperature_c=temperature_c, age_s=age_s):
            self._conditions = self._conditions.with_slopes(at, learned.slopes)

    def begin_known(self) -> None:
        """Note that known vectors are read anew."""
        self._known_in = []

    def known_in(self, range_index: int) -> None:
        """Note that some of these known vectors were read in a range."""
        self._known_in.append(range_index)

    def pivot(self, posterior: ColumnPosterior | None, temperature_c: float | None) -> None:
        """Let slopes and ageing turn about the temperature and age of a calibration that has just learned.

        The reference stays, if some of the latest known vectors were read in it. All other ranges are
        compared anew at their next use.

        Args:
            posterior: that it has learned. temperature_c: of the board.
        """
        if self._age.seen:
            self._ageing.take(posterior, age_s=self._age.age_s, temperature_c=temperature_c)
        conditions = self._conditions
        learned_in = [at for at in self._known_in if self.knows(at)] or [conditions.reference_index]
        at = conditions.reference_index if conditions.reference_index in learned_in else learned_in[0]
        if at is not None:
            self._conditions = conditions.pivoted(at, temperature_c)

    def new_vectors(self) -> None:
        """Note that sentinels read from now on are other vectors, or of another matrix."""
        for each in self._slopes.values():
            each.forget_reading()

    def new_matrix(self) -> None:
        """Note that calibrations learned from now on are of another matrix."""
        self._ageing.forget_matrix()

    @property
    def facts(self) -> dict[str, Any]:
        """Facts for the store."""
        slopes = {str(at): learned.to_json() for at, learned in self._slopes.items()}
        ageing = self._ageing.to_json()
        return {FACT: {"ranges": self._conditions.to_json(), "slopes": slopes, "ageing": ageing}}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Take them from the facts of a calibration; from one without any, begin anew.

        Raises:
            InputError: they are damaged.
        """
        document = facts.get(FACT, {"ranges": [], "slopes": {}})
        try:
            slopes = {int(at): TemperatureSlopes.from_json(each) for at, each in document["slopes"].items()}
            conditions = ReferenceConditions.from_json(document["ranges"])
            # Calibrations of before know of none.
            ageing = Ageing.from_json(document["ageing"]) if "ageing" in document else Ageing()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"got reference conditions that are none ({error})") from error
        self._conditions, self._slopes, self._ageing = conditions, slopes, ageing
