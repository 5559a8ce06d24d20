"""What is wrong with a loop: one rule a function, from what stands on a tape to findings.

It knows tapes, and nothing of who wrote one or who asks. A finding is made of facts on the tape: where a tape
does not hold the fact that a rule needs, the rule says nothing.
"""

from labkit.diagnosis.finding import Finding as Finding
from labkit.diagnosis.rules import diagnose as diagnose
