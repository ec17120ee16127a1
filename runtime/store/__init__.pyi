from crosscal.runtime.store.records import Activation as Activation
from crosscal.runtime.store.records import CalibrationVersion as CalibrationVersion
from crosscal.runtime.store.records import Event as Event
from crosscal.runtime.store.records import RollbackRequest as RollbackRequest
from crosscal.runtime.store.records import SentinelRecord as SentinelRecord
from crosscal.runtime.store.records import Temperature as Temperature
from crosscal.runtime.store.store import Store as Store
