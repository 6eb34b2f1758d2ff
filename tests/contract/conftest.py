"""What contract tests of several kits share."""

from __future__ import annotations

from tests.groovy import groovy_folder

__all__ = ["groovy_folder"]
