"""Help of the commands: plain text at any width, options under headings, examples as they are written."""

import inspect
from typing import Any

from typer.core import TyperCommand

_OPTIONS = "Options"
_NAMES_WIDTH = 30
"""Columns that names of options may take before their help begins on the next line."""


class Command(TyperCommand):
    """A command with plain help."""

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first paragraph of the docstring, whole: lists of commands wrap it."""
        return inspect.cleandoc(self.help or "").partition("\n\n")[0].replace("\n", " ")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line, without braces around arguments."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the docstring; its examples are not wrapped, so that they can be copied."""
        text, _, examples = inspect.cleandoc(self.help or "").partition("\nExamples\n--------\n")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text.strip())
        if examples:
            with formatter.section("Examples"):
                for line in filter(None, map(str.strip, examples.splitlines())):
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then options under the headings of their groups."""
        arguments, groups = [], {_OPTIONS: list[Any]()}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append((parameter.metavar or str(parameter.name).upper(), record[1]))
            else:
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or _OPTIONS, []).append(record)
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments, col_max=_NAMES_WIDTH)
        for heading, records in [*list(groups.items())[1:], (_OPTIONS, groups[_OPTIONS])]:
            with formatter.section(heading):
                formatter.write_dl(records, col_max=_NAMES_WIDTH)
