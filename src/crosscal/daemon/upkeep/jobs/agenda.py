"""Agenda of an upkeep: the job under way, and the one that is due next."""

from __future__ import annotations

from crosscal.core.errors import InputError
from crosscal.daemon.upkeep.jobs.current_job import CurrentJob
from crosscal.daemon.upkeep.jobs.looking import look
from crosscal.daemon.upkeep.jobs.recalibrating import recalibrate, vectors_to_learn
from crosscal.daemon.upkeep.jobs.refreshing import Refreshment
from crosscal.daemon.upkeep.upkept import Upkept

_RECALIBRATION, _SENTINELS = "recalibration", "sentinels"


class Agenda:
    """Begins jobs as the schedule has them due, and does them slice by slice.

    Args:
        upkept: the board and its calibration.
    """

    def __init__(self, upkept: Upkept) -> None:
        self._upkept = upkept
        self._job = CurrentJob()
        self._refreshment = Refreshment(upkept)

    @property
    def busy(self) -> str:
        """The job under way; empty if there is none."""
        return self._job.name

    def drop(self) -> None:
        """End the job under way; the calibration stays as it was."""
        self._job.drop()

    def step(self) -> bool:
        """Do one slice of the job under way, or of one that is due; True while more of it is left.

        Raises:
            CrosscalError: the job could not be done.
        """
        if not self.busy:
            self._begin_due()
        return self._job.step()

    def begin_recalibration(self, reason: str, vectors: int) -> None:
        """Recalibrate next, whatever is under way."""
        self._job.begin(_RECALIBRATION, recalibrate(self._upkept, reason, vectors))

    def begin_refreshment(self) -> bool:
        """Learn a stale calibration anew next, for a read that waits; False if it need not wait."""
        vectors = self._refreshment.vectors
        if not vectors or self.busy == _RECALIBRATION:
            return False
        self._job.begin(_RECALIBRATION, self._refreshment.refresh(vectors))
        return True

    def share_changed(self) -> None:
        """Find out anew how long a calibration keeps, after the share of board time was changed."""
        self._refreshment = Refreshment(self._upkept)

    def _begin_due(self) -> None:
        upkept, schedule = self._upkept, self._upkept.schedule
        if upkept.calibration.compiled is None or schedule.put_off:
            return
        if not schedule.wanted:
            if schedule.look_due:
                self._job.begin(_SENTINELS, look(upkept))
            return
        try:
            vectors = vectors_to_learn(upkept)
        except InputError as error:
            schedule.retry_in()
            upkept.journal.event("postponed", str(error))
            return
        self.begin_recalibration(schedule.wanted, vectors)
