"""The lab, tested on real sockets, real kernels and, in browser/, a real browser."""
