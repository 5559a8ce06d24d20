"""What an instructor makes from the exercises: an nbgrader course, its marks, and what splits the class.

nbgrader hands out, collects and keeps the marks. How an answer is judged is the exercises' own; this room
only writes their notebooks, and tells nbgrader what the judge said.
"""
