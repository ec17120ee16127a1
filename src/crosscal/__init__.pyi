from crosscal.core.lab_board.board import LabBoard as LabBoard
from crosscal.core.lab_board.facts import ConverterCodes as ConverterCodes
from crosscal.core.lab_board.facts import LabBoardFacts as LabBoardFacts
from crosscal.core.lab_board.facts import PulseSchedule as PulseSchedule
from crosscal.core.run_file import Run as Run
from crosscal.core.signed_pairs import SignedPairs as SignedPairs
from crosscal.core.signed_pairs import signed_pairs as signed_pairs
from crosscal.front_door import load_calibrator as load_calibrator
from crosscal.front_door import open_board as open_board

__version__: str
