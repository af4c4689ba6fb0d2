//! Tests against the built program and real servers.

mod grafana;
