"""Speed and size, side by side in one run: `make bench`, or `python -m bench` from the project's root.

Each row of the table has what was measured of orlog, the same of what it is held against, their ratio, and the target
with its mark: `ok`, or `OVER` where it is missed. Rows without a target are there for scale. Whatever can be is
measured alternately, so that another load on the machine weighs on both sides; ratios then say more than times. CPU
time is less easily disturbed than wall time. `--json FILE` keeps every single measurement.

- *import*: `orlog import git` of a recording, as a process, into a fresh data directory, against `git-history file`
  (0.8) on the same clone. Peak memory is the kernel's account of the process (`ru_maxrss`).
- *read*: the whole catalogue, and one entity, at instants drawn evenly over the recorded time, in process, from a
  record that stays open; every document is parsed. Against `git show` of the file at that instant, as a process, and
  `msgspec.json.decode`, the fastest parser there is. What both give is compared first.
- *growth*: the same reads, at such instants and at the head, on two generated logs with the same number of live
  entities, one 100 times as long. Counted, not timed: rows that SQLite handed out, its steps (calls of its progress
  handler, which grow with the rows that it visits), and bytes given to the JSON parser; means over many reads.
- *shell*: `orlog replay CATEGORY KEY` as a process; beside it, for scale, `python -c pass` and `git show`.
- *ask*: all differences, field by field, between the recorded catalogue and that of a year before; blame and all
  values of a field, of a generated entity that changed 1000 times. In process.
- *sync*: 1 001 requests of a server on this machine, in a process of its own, that says what it said before: in whole
  answers (400 kB, and 3 kB a thousand times), or in 304s. As `orlog sync` does it, against a bare `httpx.AsyncClient`
  that asks for the same, eight at once. What all files of the data directory grow by in such a sync is a mean over
  all of them: SQLite's files grow by pages.

- *project*: one table (`manifest`; `presence`, which `lifecycle` is a SQL view of) filled from all events of a record,
  from `record.db` to `views.db` (`Runner.rebuild`), in events a second of wall time, and of CPU time. All events read,
  decoded and applied to their documents (`Feed`), against what pyeventsourcing (9.5) reads and decodes from SQLite of
  the same events, one of its own for each of ours, in CPU time of one process each, alternating. All views brought up
  after a sync in which 40 entities changed, of the recording and of a generated catalogue; then the same again after
  syncs that make history 8 times as long, with SQLite's steps counted.

Recordings are looked for where ORLOG_RECORDINGS points, else in `../shared/data`; without them only generated logs are
measured. GIT_HISTORY names the `git-history` program, beside which is a Python that has pyeventsourcing; without it
orlog stands alone.
"""
