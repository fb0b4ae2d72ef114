"""From the admin's TOML to `core.fieldmap.Sync`: types, lenses, expressions, templates, and every check on the way."""

from syncd.mapping.laws import Breach
from syncd.mapping.load import Row, check_laws, check_shapes, describe, doubts, load_syncs
from syncd.mapping.templates import shipped

__all__ = ["Breach", "Row", "check_laws", "check_shapes", "describe", "doubts", "load_syncs", "shipped"]
