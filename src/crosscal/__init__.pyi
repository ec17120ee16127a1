from crosscal.front_door import load_calibrator as load_calibrator
from crosscal.front_door import open_board as open_board

__version__: str
