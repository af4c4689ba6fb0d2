//! What a person must act on: what is wrong now, and the alert that says so.

use spor_schemas::{
    AlertChange, AlertKind, AlertMessage, AlertState, AssetId, ClassId, ReaderId, Severity, WardId,
    ZoneId,
};

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What is wrong.
    pub kind: AlertKind,
    /// With what: an asset's id, a reader's id, or `class/ward`.
    pub subject: String,
    /// How grave it is.
    pub severity: Severity,
    /// Since when, milliseconds; none: that isn't stored, so it counts from when it is seen.
    pub since_ms: Option<i64>,
    /// False: it is on the way to being well; enough to keep an alert, not to open one.
    pub opens: bool,
    /// What an alert of it names.
    pub about: About,
}

/// What an alert names. Never a person, and no tag, which a person may wear later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The ward that it concerns.
    pub ward: Option<WardId>,
    /// The class of assets.
    pub class: Option<ClassId>,
    /// The asset.
    pub asset: Option<AssetId>,
    /// The reader.
    pub reader: Option<ReaderId>,
    /// The room.
    pub zone: Option<ZoneId>,
    /// The floor of that room.
    pub floor: Option<i16>,
    /// What was seen, for people.
    pub reason: String,
}

/// An alert of a cause that still lasts, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// Its id.
    pub id: String,
    /// What is wrong.
    pub kind: AlertKind,
    /// With what.
    pub subject: String,
    /// The gravest that it was.
    pub severity: Severity,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What is wrong.
    pub kind: AlertKind,
    /// With what.
    pub subject: String,
    /// The gravest that it was.
    pub severity: Severity,
    /// What it names.
    pub about: About,
    /// What people call the asset.
    pub label: Option<String>,
    /// When it was opened, milliseconds.
    pub opened_ms: i64,
    /// When somebody took it on, milliseconds.
    pub acknowledged_ms: Option<i64>,
    /// The name of the token that did; it may stand for a person.
    pub acknowledged_by: Option<String>,
    /// When it was over, milliseconds.
    pub resolved_ms: Option<i64>,
    /// The name of the token that said so; none: its cause ended.
    pub resolved_by: Option<String>,
}

impl Alert {
    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> AlertState {
        match (self.resolved_ms, self.acknowledged_ms) {
            (Some(_), _) => AlertState::Resolved,
            (None, Some(_)) => AlertState::Acknowledged,
            (None, None) => AlertState::Open,
        }
    }

    /// What is told of it after a change.
    #[must_use]
    pub fn message(&self, change: AlertChange, time_ms: i64) -> AlertMessage {
        let about = self.about.clone();
        AlertMessage {
            id: self.id.clone(),
            change,
            time_ms,
            kind: self.kind,
            severity: self.severity,
            state: self.state(),
            subject: self.subject.clone(),
            ward: about.ward,
            class: about.class,
            asset: about.asset,
            reader: about.reader,
            zone: about.zone,
            floor: about.floor,
            reason: about.reason,
            opened_ms: self.opened_ms,
            acknowledged_ms: self.acknowledged_ms,
            resolved_ms: self.resolved_ms,
        }
    }
}

/// What becomes of the alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertStep {
    /// A new one.
    Open(Cause),
    /// One has become critical.
    Raise {
        /// Which.
        id: String,
        /// As it is now.
        cause: Cause,
    },
    /// The cause of one has ended.
    End {
        /// Which.
        id: String,
    },
}

/// A change of an alert that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Grows with each.
    pub seq: i64,
    /// How often it was sent in vain.
    pub attempts: i32,
    /// What is told.
    pub message: AlertMessage,
}
