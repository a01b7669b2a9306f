"""The command nflib in this process."""

from click.testing import Result
from typer.testing import CliRunner

from nflib.cli import app


def run(*arguments, **env) -> Result:
    """What it did: exit code, output. Arguments may be paths and numbers; ``env`` are variables of the
    environment.
    """
    return CliRunner(env=env).invoke(app, [str(a) for a in arguments])
