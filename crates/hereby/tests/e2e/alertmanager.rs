//! The real Alertmanager and Prometheus send alerts.
