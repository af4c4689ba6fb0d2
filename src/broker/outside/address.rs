//! `mqtt.url` taken apart: `mqtt://user@host:1883`, or `mqtts://` for TLS. A password in it is
//! refused, since addresses end up in logs.

use std::fmt;

/// Where the outside broker is, and as whom Spor speaks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads the URL. The error says what is wrong without repeating the URL, which may hold a
    /// password.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err("it must begin with mqtt:// or mqtts://"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "it must not hold a password: put it in mqtt.url_password_file or MQTT_SPOR_PASSWORD",
            );
        }
        if user == Some("") {
            return Err("the user name is empty");
        }
        if place.contains(['/', '?', '#']) {
            return Err("nothing may follow the port");
        }
        // The colons of an IPv6 address stand inside its brackets.
        let port_at = place.rfind(':').filter(|at| !place[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => (&place[..at], place[at + 1..].parse().ok().filter(|port| *port != 0)),
            None => (place, Some(if tls { 8883 } else { 1883 })),
        };
        let port = port.ok_or("the port must be 1 to 65535")?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || (host.contains([':', '[', ']']) && !bracketed) {
            return Err("the host is missing or malformed; an IPv6 address stands in brackets");
        }
        if tls && bracketed {
            return Err("mqtts:// needs the host's name, which its certificate bears");
        }
        Ok(Self { tls, user: user.map(str::to_owned), host: host.to_owned(), port })
    }

    /// True when what is sent leaves this machine unencrypted.
    pub(super) fn is_in_the_clear(&self) -> bool {
        !self.tls && !matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }
}

/// Without the user's name: this is what logs and endpoints show.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> (String, Option<String>) {
        let address = Address::parse(url).expect(url);
        (address.to_string(), address.user)
    }

    #[test]
    fn scheme_user_host_and_port_are_taken_apart() {
        assert_eq!(shown("mqtt://broker"), ("mqtt://broker:1883".into(), None));
        assert_eq!(shown("mqtts://broker/"), ("mqtts://broker:8883".into(), None));
        assert_eq!(
            shown("mqtt://spor@10.0.0.7:1999"),
            ("mqtt://10.0.0.7:1999".into(), Some("spor".into()))
        );
        assert_eq!(
            shown("mqtt://a@b@host:1"),
            ("mqtt://host:1".into(), Some("a@b".into())),
            "the last @ ends the name"
        );
        assert_eq!(shown("mqtt://[::1]").0, "mqtt://[::1]:1883");
        assert_eq!(shown("mqtt://[::1]:7").0, "mqtt://[::1]:7");
    }

    #[test]
    fn what_is_no_broker_is_refused_with_a_reason_that_repeats_no_password() {
        for (bad, reason) in [
            ("broker:1883", "mqtt://"),
            ("http://broker", "mqtt://"),
            ("mqtt://spor:secret@broker", "mqtt.url_password_file"),
            ("mqtt://@broker", "user name"),
            ("mqtt://broker:0", "port"),
            ("mqtt://broker:99999", "port"),
            ("mqtt://broker:", "port"),
            ("mqtt://broker/topic", "follow"),
            ("mqtt://", "host"),
            ("mqtt://::1:1883", "brackets"),
            ("mqtts://[::1]", "name"),
        ] {
            let error = Address::parse(bad).expect_err(bad);
            assert!(error.contains(reason) && !error.contains("secret"), "{bad}: {error}");
        }
    }

    #[test]
    fn only_tls_and_this_machine_keep_a_password_from_the_network() {
        for (url, clear) in
            [("mqtt://broker", true), ("mqtts://broker", false), ("mqtt://127.0.0.1", false)]
        {
            assert_eq!(Address::parse(url).expect(url).is_in_the_clear(), clear, "{url}");
        }
    }
}
