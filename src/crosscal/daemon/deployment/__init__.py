"""Files for the machine that a daemon runs on: systemd units, a Grafana dashboard, alert rules."""
