"""Use cases of the timeline: its months, its layout, and the recount of its days."""

from afterglow.features.timeline.service.kept import KeptMonths
from afterglow.features.timeline.service.layout import find_layout
from afterglow.features.timeline.service.months import find_month_version, get_month, list_months
from afterglow.features.timeline.service.recounting import recount

__all__ = ["KeptMonths", "find_layout", "find_month_version", "get_month", "list_months", "recount"]
