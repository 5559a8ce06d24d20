"""The lab as a reader uses it: a real JupyterLab in a real Chromium."""
