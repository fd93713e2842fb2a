"""Use cases of administration."""

from afterglow.features.admin.service.health import HealthPorts, NotMigratedError, check_health
from afterglow.features.admin.service.jobs import cancel_job, get_job, list_jobs, retry_job
from afterglow.features.admin.service.ledger import RunLedger
from afterglow.features.admin.service.measuring import keep_cache_figures, measure, needs_measuring
from afterglow.features.admin.service.ports import AdminPorts, Reserves
from afterglow.features.admin.service.queues import (
    list_queues,
    pause_queue,
    read_queues,
    resume_queue,
    retry_failed,
    run_again,
)
from afterglow.features.admin.service.reporting import forget_processes, report
from afterglow.features.admin.service.schedules import (
    announce_schedules,
    finish_schedule,
    list_schedules,
    start_schedule,
)
from afterglow.features.admin.service.scraping import may_scrape, scrape
from afterglow.features.admin.service.status import get_status

__all__ = [
    "AdminPorts",
    "HealthPorts",
    "NotMigratedError",
    "Reserves",
    "RunLedger",
    "announce_schedules",
    "cancel_job",
    "check_health",
    "finish_schedule",
    "forget_processes",
    "get_job",
    "get_status",
    "keep_cache_figures",
    "list_jobs",
    "list_queues",
    "list_schedules",
    "may_scrape",
    "measure",
    "needs_measuring",
    "pause_queue",
    "read_queues",
    "report",
    "resume_queue",
    "retry_failed",
    "retry_job",
    "run_again",
    "scrape",
    "start_schedule",
]
