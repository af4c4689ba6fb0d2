//! Why connections end.

use super::{frame::FrameError, router::Fallen};

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By DISCONNECT: its will is forgotten.
    Disconnected,
    /// The client closed without DISCONNECT, or the network did.
    Lost,
    /// Nothing was heard for one and a half keep-alive intervals, or half a packet stayed half.
    Silent,
    /// It did not read what was sent to it.
    Blocked,
    /// Another connection came with the same client id.
    TakenOver,
    /// Spor stops.
    Stopped,
    /// It sent what it must not.
    Refused(&'static str),
    /// The router fell; the client is to come back.
    RouterFell,
}

impl End {
    /// The word under which it is counted.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::Blocked => "blocked",
            Self::TakenOver => "taken_over",
            Self::Stopped => "stopped",
            Self::Refused(reason) => reason,
            Self::RouterFell => "router_fell",
        }
    }
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        Self::Refused(error.reason())
    }
}

impl From<Fallen> for End {
    fn from(_: Fallen) -> Self {
        Self::RouterFell
    }
}
