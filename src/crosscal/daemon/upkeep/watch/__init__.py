"""Watch over a calibration: its error as time passes, and the evidence that it has drifted."""
