"""`crosscal`: one program, a command per task; each command's module is imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from crosscal.commands.terminal.encoding import tolerate_any_encoding
from crosscal.commands.terminal.failure import FAILURE, INTERRUPTED, explain, explain_interrupt
from crosscal.commands.terminal.interrupt import interrupt_on_termination
from crosscal.commands.terminal.log import start_log
from crosscal.core.compile_notice import NOTICE

COMMANDS = {
    "bench": "serve a simulated board over TCP, a pseudo-terminal, or both",
    "calibrate": "measure a board, train, test and report: one command for the main job",
    "check": "look over a new board: wiring, sign, unit, linearity, noise, settling, rest",
    "collect": "measure matrices and vectors on a board and write run.h5",
    "conformance": "put any board through the contract: commands, errors, formats, status, decisions",
    "daemon": "own a board: calibrated currents for all clients, drift noticed and repaired",
    "demo": "the whole journey on a simulated board, with a table and pictures",
    "evaluate": "score a calibrator on a run it was not trained on",
    "export": "write the data of run.h5 as .csv, .npz or .nc",
    "export-c": "write a programmed calibrator as one C99 header for a microcontroller",
    "export-spice": "write the array of a simulated board as a netlist for ngspice, and check it",
    "history": "calibrations, decisions and alarms that a daemon's store remembers",
    "import": "turn data that exist already into run.h5, after checking them",
    "network": "whole neural networks on crossbars: map, evaluate, train, study",
    "plot": "pictures of a simulated board: voltages, currents, drift, transients, devices; an HTML page",
    "recalibrate": "adapt a calibrator to a board as it is now, from a few known vectors",
    "report": "pictures of a span of time in a daemon's store",
    "rollback": "go back to an earlier calibration of a daemon's store",
    "serve": "make a SCPI instrument of a board with a Python API",
    "study": "reproduce a published table, resumable",
    "train": "learn a calibrator from run.h5 and export it to ONNX",
}

_MODULES = {
    "conformance": "conformance.command",
    "export": "export_run",
    "export-c": "export_c.command",
    "history": "store.history",
    "import": "import_run",
    "network": "network.group",
    "plot": "plot.group",
    "report": "store.report",
    "rollback": "store.rollback",
}
"""Modules of the commands that are not called like the command."""


class _LazyGroup(click.Group):
    """Imports the module of the command that is called and no other: `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        from crosscal.commands.options.user_code import add_allow_code

        return add_allow_code(importlib.import_module(f"crosscal.commands.{module}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name="crosscal")
@click.option("-v", "--verbose", count=True, help="Log transitions (-v) or everything (-vv) to stderr.")
def crosscal(verbose: int) -> None:
    """Calibrate the currents of memristor crossbars, after fabrication, with no
    change to the hardware.

    A first look:  crosscal demo

    \b
    With a board:
      crosscal collect TCPIP::192.168.1.7::5025::SOCKET -o run.h5
      crosscal train run.h5 --calibrator concatsquash -o b7.onnx
      crosscal evaluate b7.onnx holdout.h5 --report out/
      crosscal recalibrate TCPIP::192.168.1.7::5025::SOCKET b7.onnx -o now.onnx

    \b
    Completion of commands, options, profiles, boards and calibrators in bash:
      eval "$(_CROSSCAL_COMPLETE=bash_source crosscal)"
    In zsh and fish likewise, with zsh_source and fish_source.

    \b
    Exit codes:
      0    done
      1    failure: files, boards or data that cannot be used
      2    wrong usage: the command line cannot be understood
      3    not written, because the result is worse (recalibrate)
      130  interrupted by Ctrl-C, or terminated
    """
    start_log(verbose)
    NOTICE.tell = lambda text: click.echo(text, err=True)


def main() -> None:
    """Run the command line; an error made for people is printed as one line, never as a traceback."""
    tolerate_any_encoding()
    interrupt_on_termination()
    try:
        sys.exit(crosscal.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as interrupt:
        click.echo(f"\n{explain_interrupt(interrupt)}", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        click.echo(f"crosscal: {text}", err=True)
        sys.exit(FAILURE)
