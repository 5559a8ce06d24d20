"""The live class: students' phones are served by the loop under study, each of them an fd in its figure.

Data (limits, roll, votes) knows no socket; http and service know no lab; room knows labs and no widget; wall
is what a teacher sees.
"""
