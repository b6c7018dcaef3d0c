"""The local stack: Tinybird and Postgres on one machine, with demo data. Only `cli` imports it.

`stack` starts and watches the processes, `tinybird` is the server that speaks Tinybird's API, `demo` the data and its
generator.
"""
