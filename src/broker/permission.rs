//! Who may publish and subscribe to what. Topics and filters are checked for their form first,
//! because rumqttd's router does not, and one wrong topic ends its thread.

use crate::model::ClientRole;
use std::sync::Arc;

const COMMANDS: &str = "spor/v1/commands/";
const EVENTS: &str = "spor/v1/events/";
/// Longest topic filter that is looked at, in bytes.
const MAX_FILTER: usize = 256;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// No credentials are configured: anyone on this machine. Holds the client id.
    Open(Arc<str>),
    /// The owner of a credential: its name and role.
    Known(Arc<str>, ClientRole),
}

/// What a client gets for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant<'a> {
    Denied,
    /// Events, from the router.
    Events,
    /// The commands to one device, from a map of our own.
    Commands(&'a str),
}

impl Access {
    /// The id that *own* topics bear.
    fn own(&self) -> &str {
        match self {
            Self::Open(id) | Self::Known(id, _) => id,
        }
    }

    pub(super) fn is_engineer(&self) -> bool {
        matches!(self, Self::Known(_, ClientRole::Engineer))
    }

    /// True when the client may publish on `topic`, which [`valid_topic`] has passed.
    pub(super) fn may_publish(&self, topic: &str) -> bool {
        let own = |group: &str| {
            topic
                .strip_prefix(group)
                .and_then(|rest| rest.strip_prefix(self.own()))
                .is_some_and(|rest| rest.starts_with('/'))
        };
        match self {
            // What is no topic of Spor's is refused by ingest, which counts it.
            Self::Open(_) | Self::Known(_, ClientRole::Engineer) => true,
            Self::Known(_, ClientRole::Device) => own("spor/v1/tags/") || own("spor/v1/readers/"),
            Self::Known(_, ClientRole::Engine) => own("spor/v1/engines/"),
            Self::Known(_, ClientRole::Reader) => own("spor/v1/readers/"),
            Self::Known(_, ClientRole::Subscriber) => false,
        }
    }

    /// What the client gets for a subscription to `filter`.
    pub(super) fn subscription<'a>(&self, filter: &'a str) -> Grant<'a> {
        if !valid_filter(filter) {
            return Grant::Denied;
        }
        let events = filter.strip_prefix(EVENTS);
        let device = filter.strip_prefix(COMMANDS).filter(|id| !id.contains(['/', '+', '#']));
        let own = match device {
            Some(id) if id == self.own() => Grant::Commands(id),
            _ => Grant::Denied,
        };
        match self {
            Self::Open(_) if events.is_some() => Grant::Events,
            Self::Known(_, ClientRole::Engineer) => device.map_or(Grant::Events, Grant::Commands),
            Self::Known(_, ClientRole::Subscriber) => match events {
                Some(events) if names_a_kind(events) => Grant::Events,
                _ => Grant::Denied,
            },
            Self::Open(_)
            | Self::Known(_, ClientRole::Device | ClientRole::Engine | ClientRole::Reader) => own,
        }
    }
}

fn names_a_kind(events: &str) -> bool {
    events.split_once('/').is_some_and(|(kind, _)| spor_schemas::topic::is_event_kind(kind))
}

/// The topic of a PUBLISH or a will as text; `None` when it is none: empty, not UTF-8, with a
/// wildcard or a zero, or one of the `$` topics.
pub(super) fn valid_topic(topic: &[u8]) -> Option<&str> {
    let bad = |byte: &u8| matches!(byte, 0 | b'+' | b'#');
    if topic.is_empty() || topic[0] == b'$' || topic.iter().any(bad) {
        return None;
    }
    std::str::from_utf8(topic).ok()
}

/// True for a filter that may reach the router: wildcards in their places, no `$` topic (and so
/// no shared subscription), no zero, not overlong.
fn valid_filter(filter: &str) -> bool {
    filter.len() <= MAX_FILTER
        && !filter.starts_with('$')
        && !filter.contains('\0')
        && rumqttd::protocol::valid_filter(filter)
}

/// True for an id that can stand in topics and logs; MQTT lets a server refuse others.
pub(super) fn valid_client_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && !id.contains(['+', '$', '#', '/'])
        && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, role: ClientRole) -> Access {
        Access::Known(name.into(), role)
    }

    #[test]
    fn topics_without_a_meaning_are_refused() {
        for good in ["a", "spor/v1/tags/a/position", "æ/ø", "a//b", "/"] {
            assert_eq!(valid_topic(good.as_bytes()), Some(good));
        }
        for bad in [&b""[..], b"$SYS/x", b"a/+", b"#", b"a\0b", b"a/\xff"] {
            assert_eq!(valid_topic(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_device_publishes_under_its_own_name_only() {
        let device = known("pump-7", ClientRole::Device);
        assert!(device.may_publish("spor/v1/tags/pump-7/position"));
        assert!(device.may_publish("spor/v1/readers/pump-7/status"));
        for other in [
            "spor/v1/tags/pump-70/position",
            "spor/v1/tags/pump-8/position",
            "spor/v1/tags/pump-7",
            "spor/v1/engines/pump-7/positions",
            "spor/v1/events/zone/pump-7",
            "x",
        ] {
            assert!(!device.may_publish(other), "{other}");
        }
        assert!(known("e", ClientRole::Engine).may_publish("spor/v1/engines/e/positions"));
        assert!(!known("e", ClientRole::Engine).may_publish("spor/v1/tags/e/position"));
        assert!(known("r", ClientRole::Reader).may_publish("spor/v1/readers/r/sightings"));
        assert!(!known("s", ClientRole::Subscriber).may_publish("spor/v1/tags/s/position"));
        assert!(known("x", ClientRole::Engineer).may_publish("spor/v1/tags/s/position"));
    }

    #[test]
    fn a_subscriber_names_the_kind_of_events_it_hears() {
        let subscriber = known("s", ClientRole::Subscriber);
        for good in ["spor/v1/events/zone/#", "spor/v1/events/alert/+", "spor/v1/events/zone/a"] {
            assert_eq!(subscriber.subscription(good), Grant::Events, "{good}");
        }
        for bad in [
            "#",
            "+/#",
            "spor/#",
            "spor/v1/events/#",
            "spor/v1/events/+/a",
            "spor/v1/events/other/#",
            "spor/v1/tags/#",
            "spor/v1/commands/s",
            "$share/g/#",
            "$share/g/spor/v1/events/zone/#",
            "$SYS/#",
            "spor/v1/events/zone/a#",
            "spor/v1/events/#/a",
            "",
        ] {
            assert_eq!(subscriber.subscription(bad), Grant::Denied, "{bad}");
        }
    }

    #[test]
    fn commands_are_heard_by_their_device_only() {
        for own in [Access::Open("d".into()), known("d", ClientRole::Device)] {
            assert_eq!(own.subscription("spor/v1/commands/d"), Grant::Commands("d"));
            for other in ["spor/v1/commands/e", "spor/v1/commands/+", "spor/v1/commands/#", "#"] {
                assert_eq!(own.subscription(other), Grant::Denied, "{other}");
            }
        }
        assert_eq!(known("d", ClientRole::Device).subscription("spor/v1/events/#"), Grant::Denied);
        assert_eq!(Access::Open("d".into()).subscription("spor/v1/events/#"), Grant::Events);
        let engineer = known("x", ClientRole::Engineer);
        assert_eq!(engineer.subscription("spor/v1/commands/e"), Grant::Commands("e"));
        assert_eq!(engineer.subscription("#"), Grant::Events);
        assert_eq!(engineer.subscription("$share/g/#"), Grant::Denied);
    }

    #[test]
    fn client_ids_that_would_break_a_topic_are_refused() {
        for bad in ["", "a+", "$x", "a#", "a/b", "a\nb", &"x".repeat(129)] {
            assert!(!valid_client_id(bad), "{bad:?}");
        }
        assert!(valid_client_id("Æble 7:x"));
    }
}
