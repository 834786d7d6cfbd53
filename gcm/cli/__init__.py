"""The command line: settings, run directories, sweeps, devices and processes."""
