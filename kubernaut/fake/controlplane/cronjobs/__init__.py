"""CronJobs: Jobs made on a schedule."""

from kubernaut.fake.controlplane.cronjobs.controller import cron_jobs

__all__ = ["cron_jobs"]
