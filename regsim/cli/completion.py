"""``regsim completion``: what makes a shell complete regsim's commands, options and names.

The script asks ``regsim`` itself at each Tab: what is completed is what the commands declare, and
there is no list of it to fall behind.
"""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

from regsim.cli._shell import ASKING

SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(*, shell: str) -> None:
    """Print the script that makes SHELL complete regsim's commands, options and names.

    bash: `eval "$(regsim completion bash)"` in ~/.bashrc (version 4.4 or later). zsh: `eval
    "$(regsim completion zsh)"` in ~/.zshrc. fish: `regsim completion fish | source` in
    ~/.config/fish/config.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all of `SHELLS`
    # Not the method of bash's own class: that one starts bash to ask for its version.
    click.echo(ShellComplete.source(kind(command, {}, "regsim", ASKING)))
