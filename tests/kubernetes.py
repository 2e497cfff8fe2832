"""The files of a real organization, where they lie beside the project."""

from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parents[1].parent / "shared" / "data" / "kubernetes-org"
needs_files = pytest.mark.skipif(
    not DIRECTORY.is_dir(), reason="NOT TESTED: the real organization's files are not beside the project"
)
