"""Create before record: a Migration runs a Job once. Its Job has a generated name, noted only after it was created."""

from kubernaut import Context, Controller, Model, ObjectMeta, Reconciler, Resource, StatusBase, set_controller_reference
from kubernaut.resources.builtin.batch_v1 import Job


class MigrationSpec(Model):
    image: str
    schema_version: str


class MigrationStatus(StatusBase):
    job: str = ""


class Migration(Resource, group="example.dev", version="v1", status_subresource=True):
    spec: MigrationSpec
    status: MigrationStatus = MigrationStatus()


class MigrationReconciler(Reconciler[Migration]):
    async def reconcile(self, migration: Migration, ctx: Context) -> None:
        if not migration.status.job:  # once is enough: a migration is not run twice
            job = job_of(migration, ObjectMeta(generate_name=f"{migration.name}-", namespace=migration.namespace))
            set_controller_reference(job, migration)
            migration.status.job = (await ctx.client.create(job)).name
        migration.status.set_condition("Started", True, reason="JobCreated")


class RepairedMigrationReconciler(Reconciler[Migration]):
    """The name follows from the owner, so a second try meets the Job of the first."""

    async def reconcile(self, migration: Migration, ctx: Context) -> None:
        if not migration.status.job:
            job = job_of(migration, ObjectMeta(name=f"{migration.name}-{migration.spec.schema_version}"))
            migration.status.job = (await ctx.client.apply(job, owner=migration)).name
        migration.status.set_condition("Started", True, reason="JobCreated")


def job_of(migration: Migration, metadata: ObjectMeta) -> Job:
    container = {"name": "migrate", "image": migration.spec.image, "args": ["--to", migration.spec.schema_version]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return Job.from_dict({"metadata": metadata.to_dict(), "spec": {"backoffLimit": 0, "template": template}})


def migrations(reconciler: Reconciler[Migration]) -> Controller:
    return Controller(Migration, reconciler, owns=[Job])
