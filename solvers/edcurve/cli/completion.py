"""Completion in bash of names with a colon, at which bash cuts words."""

from __future__ import annotations

from click.shell_completion import BashComplete, CompletionItem, add_completion_class


class Bash(BashComplete):
    """Completion in bash: joins the parts of words, and answers with the part after the last colon."""

    cut = ""  # the part up to the last colon, which bash keeps

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the incomplete one, and the incomplete word."""
        before, last = super().get_completion_args()
        words: list[str] = []
        for word in [*before, last]:
            if words and (word == ":" or words[-1].endswith(":")):
                words[-1] += word
            else:
                words.append(word)
        *before, last = words
        self.cut = last[: last.rfind(":") + 1]
        return before, last

    def format_completion(self, item: CompletionItem) -> str:
        """The line for bash, without the part that it keeps."""
        value = item.value.removeprefix(self.cut)
        return super().format_completion(CompletionItem(value, item.type, item.help))


def install() -> None:
    """Make click complete for bash with `Bash`."""
    add_completion_class(Bash, "bash")
