"""Structures and function pointers of the C engine's headers, as ctypes has them."""

from __future__ import annotations

import ctypes

DOUBLES = ctypes.POINTER(ctypes.c_double)
BYTES = ctypes.POINTER(ctypes.c_uint8)
# Text of a failure, or NULL; a c_char_p would be copied and freed behind C's back.
TEXT = ctypes.c_void_p


class Facts(ctypes.Structure):
    """`struct board_facts`."""

    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("manufacturer", "model", "serial", "firmware")),
        ("rows", ctypes.c_size_t),
        ("columns", ctypes.c_size_t),
        ("groups", ctypes.c_uint),
        ("conductance_min_s", ctypes.c_double),
        ("conductance_max_s", ctypes.c_double),
        ("ranges_a", DOUBLES),
        ("range_count", ctypes.c_size_t),
        ("adc_bits", ctypes.c_int),
        ("adc_settling_s", ctypes.c_double),
        ("dac_bits", ctypes.c_int),
        *((name, ctypes.c_double) for name in ("dac_full_scale_v", "dac_settling_s")),
        *((name, ctypes.c_double) for name in ("aperture_min_s", "aperture_max_s")),
        ("average_max", ctypes.c_int32),
        ("sequence_max", ctypes.c_size_t),
        ("protection_max_v", ctypes.c_double),
        ("dwell_max_s", ctypes.c_double),
        ("tile_rows", ctypes.c_size_t),
        ("tile_columns", ctypes.c_size_t),
    )


class Measurement(ctypes.Structure):
    """`struct measurement`."""

    _fields_ = (
        ("voltage_v", DOUBLES),
        ("count", ctypes.c_size_t),
        ("range_index", ctypes.c_size_t),
        ("aperture_s", ctypes.c_double),
        ("averages", ctypes.c_int32),
        ("dwell_s", ctypes.c_double),
    )


class CReading(ctypes.Structure):
    """`struct reading`."""

    _fields_ = (
        ("current_a", DOUBLES),
        ("status", BYTES),
        ("compliance", ctypes.c_bool),
        ("over_temperature", ctypes.c_bool),
        ("hardware_error", ctypes.c_bool),
    )


class CStep(ctypes.Structure):
    """`struct programming_step`."""

    _fields_ = (
        ("finished", ctypes.c_bool),
        ("cells_failed", ctypes.c_size_t),
        ("rms_relative_error", ctypes.c_double),
        ("cell_stuck", ctypes.c_bool),
    )


CONTEXT = ctypes.c_void_p
SIMULATION_FUNCTIONS = {
    "advance_time": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_double),
    "set_temperature": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_double),
    "reseed": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_int64),
    "fault_cell": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p),
    "fault_amplifier": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.c_size_t),
    "clear_faults": ctypes.CFUNCTYPE(TEXT, CONTEXT),
    "true_conductance": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
}
HAL_FUNCTIONS = {
    "now_s": ctypes.CFUNCTYPE(ctypes.c_double, CONTEXT),
    "rest": ctypes.CFUNCTYPE(None, CONTEXT),
    "round_voltage": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES, ctypes.c_size_t, ctypes.c_double),
    "round_aperture": ctypes.CFUNCTYPE(ctypes.c_double, CONTEXT, ctypes.c_double),
    "measure": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.POINTER(Measurement), ctypes.POINTER(CReading)),
    "temperature": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
    "begin_programming": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES, ctypes.c_double),
    "programming_iteration": ctypes.CFUNCTYPE(TEXT, CONTEXT, ctypes.POINTER(CStep)),
    "read_conductance": ctypes.CFUNCTYPE(TEXT, CONTEXT, DOUBLES),
}
FLOATS = ctypes.POINTER(ctypes.c_float)
CALIBRATOR_FUNCTIONS = {
    "calibrate": ctypes.CFUNCTYPE(ctypes.c_int, FLOATS, FLOATS),
    "self_test": ctypes.CFUNCTYPE(ctypes.c_int),
}


class Simulation(ctypes.Structure):
    """`struct simulation`."""

    _fields_ = tuple(SIMULATION_FUNCTIONS.items())


class Calibrator(ctypes.Structure):
    """`struct calibrator`."""

    _fields_ = tuple(CALIBRATOR_FUNCTIONS.items())


class Hal(ctypes.Structure):
    """`struct hal`."""

    _fields_ = (
        ("facts", ctypes.POINTER(Facts)),
        ("context", CONTEXT),
        *HAL_FUNCTIONS.items(),
        ("simulation", ctypes.POINTER(Simulation)),
        ("calibrator", ctypes.POINTER(Calibrator)),
    )


class Memory(ctypes.Structure):
    """`struct instrument_memory`."""

    _fields_ = (
        ("target_s", DOUBLES),
        ("banks", DOUBLES * 3),
        ("bank_values", ctypes.c_size_t),
        ("voltage_v", DOUBLES),
        ("measured_v", DOUBLES),
        ("rest_v", DOUBLES),
        ("current_a", DOUBLES),
        ("current_status", BYTES),
        ("reply", DOUBLES),
        ("uncalibrated_a", FLOATS),
        ("calibrated_a", FLOATS),
    )
