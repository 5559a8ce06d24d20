"""What makes the reader do something: predictions, exercises, hints, and the progress that is kept of them.

It knows labs, tapes, findings and figures. It does not know who grades, nor what a course is made of.
"""
