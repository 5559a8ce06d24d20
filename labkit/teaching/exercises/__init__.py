"""The exercises, a file each: data and short functions, in the form that practice_form describes."""
