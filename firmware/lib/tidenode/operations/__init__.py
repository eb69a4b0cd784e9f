"""What a job can have a board do: one file an operation, named as it is.

Each has `async def run(job)`, which returns a status of AWS IoT Jobs and details, a dict of
texts of at most 1,024 bytes. `job` is a `tidenode.control.jobs.Job`: its document, the details
it had before a restart, ways to report progress and to restart the board. Whatever is raised
is reported as FAILED; after a lost link, or a restart, the same job is run again from its start.
An operation bounds its own waits, and may be asked for the same twice.
"""
