//! Alertmanager webhooks as alerts.
