#!/bin/bash
# Put the lab on a machine of its own, for up to a hundred students, with The Littlest JupyterHub.
#
#   sudo bash install.sh RELEASE TEACHER
#
# RELEASE is the folder that `make release DIR=RELEASE` wrote, TEACHER the first account that may do everything.
# Run it again to bring the lab up to date: students keep their homes.
set -euo pipefail

[ $# = 2 ] || { echo "usage: sudo bash install.sh RELEASE TEACHER" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "install.sh: run it with sudo" >&2; exit 2; }
release=$(realpath "$1") teacher=$2 here=$(dirname "$(realpath "$0")")
[ -e "$release/requirements.lock" ] || { echo "install.sh: $release is no release folder" >&2; exit 2; }

if [ ! -x /opt/tljh/hub/bin/tljh-config ] && ! command -v tljh-config >/dev/null; then
    curl --fail --silent --show-error --location https://tljh.jupyter.org/bootstrap.py |
        python3 - --admin "$teacher"
fi

# The environment of every student. The lock decides versions; nbgitpuller comes with the hub.
pip=(/opt/tljh/user/bin/python -m pip --disable-pip-version-check install)
offline=()
[ ! -d "$release/wheels" ] || offline=(--no-index --find-links "$release/wheels")
"${pip[@]}" "${offline[@]}" --require-hashes --requirement "$release/requirements.lock"
"${pip[@]}" --no-deps --force-reinstall "$release"/event_loop_lab-*.whl

# What a new account starts with.
install -d /etc/skel/event-loop-lab
cp --recursive --no-clobber "$release/notebooks/." /etc/skel/event-loop-lab/

install -D --mode 644 "$here/lab.py" /opt/tljh/config/jupyterhub_config.d/lab.py
bash "$here/settings.sh"
