"""Completion in bash of names with a colon, at which bash cuts words."""

from __future__ import annotations

from click.shell_completion import BashComplete, CompletionItem, add_completion_class


class Bash(BashComplete):
    """What is completed in bash: words are put together again, and of what completes them bash wants the last part."""

    cut = ""  # what is before the last colon, which bash keeps

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before, and the one that is incomplete."""
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
        """What bash puts after the colon."""
        value = item.value.removeprefix(self.cut)
        return super().format_completion(CompletionItem(value, item.type, item.help))


def install() -> None:
    """Let click complete for bash as above."""
    add_completion_class(Bash, "bash")
