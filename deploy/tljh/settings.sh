#!/bin/bash
# What a student may take of the machine, and when it is taken back. Change the numbers, run it again.
set -euo pipefail
export PATH=/opt/tljh/hub/bin:$PATH

tljh-config set limits.memory 1G    # a server and two kernels; beyond it the kernel of the notebook is ended
tljh-config set limits.cpu 1        # one core at most: a busy-polling lesson does not stop the class
tljh-config set user_environment.default_app jupyterlab

tljh-config set services.cull.enabled True
tljh-config set services.cull.timeout 3600    # seconds without a look, then the server ends; files stay
tljh-config set services.cull.every 300
tljh-config set services.cull.max_age 28800   # eight hours, whatever it does

tljh-config reload
