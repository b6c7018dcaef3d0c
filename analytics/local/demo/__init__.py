"""The demo data: four organizations whose history is a pure function of a seed and an anchor instant.

`organizations` and `websites` say who there is, `schedule` when things happen, `cities` where; `visitors` and `conversations`
make one day at a time; `history` cuts the days at two instants into rows; `load` brings rows to Postgres and
to Tinybird. Nothing here keeps state: the same seed and anchor give the same rows for any span of time, past
or to come, so that the first load, the time missed between two runs and the live generator agree.
"""
