//! How it stands with the outside broker: one line in the log at each change, a metric, and a
//! sentence for `/readyz`.

use rumqttc::{ConnectReturnCode, ConnectionError, StateError};
use tokio::sync::watch;

/// What is wrong between Spor and the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No answer, or the connection broke.
    Away(String),
    /// It answers and does not let Spor in.
    Refused(&'static str),
    /// Its certificate, or the file that must vouch for it.
    Tls(String),
    /// It lets Spor in, but not listen to what it must hear.
    NotHeard(String),
    /// A password or certificate file can't be read.
    Setting(String),
}

impl Trouble {
    /// Why a connection ended or did not come about.
    pub(super) fn of(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => Self::Refused(match code {
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                    "it refuses the user name or the password"
                }
                ConnectReturnCode::BadClientId => {
                    "it refuses the client id: see mqtt.url_client_id"
                }
                ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
                _ => "it is not available now",
            }),
            ConnectionError::Tls(error) => Self::Tls(error.to_string()),
            // TLS 1.3 tells of a wrong certificate in the first read.
            ConnectionError::Io(error) if error.to_string().contains("certificate") => {
                Self::Tls(error.to_string())
            }
            ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => {
                Self::Away(error.to_string())
            }
            ConnectionError::MqttState(error) => Self::Away(error.to_string()),
            ConnectionError::NetworkTimeout => Self::Away("no answer in time".to_owned()),
            error => Self::Away(error.to_string()),
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Away(detail)
            | Self::Tls(detail)
            | Self::NotHeard(detail)
            | Self::Setting(detail) => detail,
            Self::Refused(detail) => detail,
        }
    }

    fn sentence(&self, broker: &str) -> String {
        let detail = self.detail();
        match self {
            Self::Away(_) => format!("the broker {broker} is away: {detail}"),
            Self::Refused(_) => format!("the broker {broker} does not let Spor in: {detail}"),
            Self::Tls(_) => format!("the broker {broker} is not trusted: {detail}"),
            Self::NotHeard(_) => format!("the broker {broker} does not let Spor listen: {detail}"),
            Self::Setting(_) => format!("the broker {broker} can't be asked: {detail}"),
        }
    }
}

/// Written by the one that speaks to the broker.
pub(super) struct Status {
    broker: String,
    trouble: Option<Trouble>,
    shown: watch::Sender<Option<String>>,
}

impl Status {
    /// Nothing is known yet, which is a trouble for `/readyz` but none for the log.
    pub(super) fn new(broker: String) -> Self {
        metrics::gauge!("spor_outside_broker_up").set(0);
        let shown = watch::Sender::new(Some(format!("the broker {broker} has not answered yet")));
        Self { broker, trouble: None, shown }
    }

    /// What people are told, for whoever asks later.
    pub(super) fn shown(&self) -> watch::Receiver<Option<String>> {
        self.shown.subscribe()
    }

    /// The broker answers, and Spor hears everything.
    pub(super) fn well(&mut self) {
        metrics::gauge!("spor_outside_broker_up").set(1);
        let is_first = self.trouble.take().is_none();
        if self.shown.send_replace(None).is_some() {
            let back = if is_first { "connected to" } else { "is back:" };
            tracing::info!(broker = self.broker, "outside broker {back} {}", self.broker);
        }
    }

    /// Something is wrong. It is logged once until it is over or something else is wrong.
    pub(super) fn wrong(&mut self, trouble: Trouble) {
        metrics::gauge!("spor_outside_broker_up").set(0);
        let sentence = trouble.sentence(&self.broker);
        let is_new =
            |old: &Trouble| std::mem::discriminant(old) != std::mem::discriminant(&trouble);
        if self.trouble.as_ref().is_none_or(is_new) {
            tracing::error!("mqtt.url: {sentence}");
        }
        self.shown.send_replace(Some(sentence));
        self.trouble = Some(trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_what_is_wrong_until_it_is_over() {
        let mut status = Status::new("mqtt://b:1883".into());
        let shown = status.shown();
        assert!(shown.borrow().as_ref().is_some_and(|s| s.contains("not answered yet")));
        let refused = ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized);
        status.wrong(Trouble::of(&refused));
        assert!(shown.borrow().as_ref().is_some_and(|s| s.contains("password")));
        status.wrong(Trouble::of(&ConnectionError::NetworkTimeout));
        assert!(shown.borrow().as_ref().is_some_and(|s| s.contains("is away")));
        status.well();
        assert!(shown.borrow().is_none());
    }
}
