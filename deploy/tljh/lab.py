"""What The Littlest JupyterHub reads besides its own settings: idle kernels, and threads of numpy."""

c = get_config()  # noqa: F821 - JupyterHub gives it to this file

c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=1800",  # half an hour after the last look
    "--MappingKernelManager.cull_interval=120",
]
c.Spawner.environment.update({"OMP_NUM_THREADS": "1"})  # numpy would start a thread for each core
