//! From a new connection to a client that is let in: CONNECT in time, its form, its id, its
//! credentials, its will. A refusal is answered with the CONNACK code that says why.

use super::{
    AskPassword, Shared, frame,
    frame::Kind,
    permission::{Access, valid_client_id, valid_topic},
    wire::Wire,
};
use crate::model::{Arrival, ClientRole};
use bytes::{Bytes, BytesMut};
use rumqttd::protocol::{
    Connect, ConnectReturnCode, Error, LastWill, Login, Packet, Protocol as _, QoS, v4::V4,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// Largest CONNECT: from one that is not let in yet, nothing larger is kept in memory.
const MAX_CONNECT: usize = 64 * 1024;

/// Who connects, as far as the connection itself tells.
pub(super) struct Caller {
    pub(super) peer: SocketAddr,
    /// The name in its certificate, which TLS has verified.
    pub(super) certificate: Option<Arc<str>>,
}

/// A client that may come in.
pub(super) struct Client {
    pub(super) id: Arc<str>,
    /// The credential's name; empty without credentials.
    pub(super) name: Arc<str>,
    pub(super) access: Access,
    pub(super) clean_session: bool,
    /// Silence after which it is taken for gone; none: never.
    pub(super) patience: Option<Duration>,
    pub(super) will: Option<Will>,
}

/// What Spor publishes for a client that is lost.
pub(super) struct Will {
    pub(super) message: Arrival,
    /// At QoS 1 it waits for room behind the door; at QoS 0 it is dropped then.
    pub(super) waits: bool,
}

/// Why a connection is not let in.
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) client: String,
    /// The answer; none where the bytes were no CONNECT at all.
    pub(super) code: Option<ConnectReturnCode>,
}

impl Refusal {
    fn silent(reason: &'static str) -> Self {
        Self { reason, client: String::new(), code: None }
    }

    fn early(reason: &'static str, code: ConnectReturnCode) -> Self {
        Self { reason, client: String::new(), code: Some(code) }
    }
}

/// Reads CONNECT and decides.
pub(super) async fn admit<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    shared: &Shared,
    caller: Caller,
) -> Result<Client, Refusal> {
    let peer = caller.peer;
    let limit = shared.config.connect_timeout();
    let packet = tokio::select! {
        () = shared.stop.cancelled() => return Err(Refusal::silent("stopping")),
        packet = tokio::time::timeout(limit, read_connect(wire, shared)) => packet,
    };
    let (connect, will, login) = packet.unwrap_or(Err(Refusal::silent("connect_timeout")))?;
    let refused = |reason, code| {
        let client = connect.client_id.chars().take(128).collect();
        Refusal { reason, client, code: Some(code) }
    };
    let id: Arc<str> = match connect.client_id.as_str() {
        "" if connect.clean_session => format!("anonymous-{:016x}", rand::random::<u64>()).into(),
        id if valid_client_id(id) => id.into(),
        _ => return Err(refused("client_id", ConnectReturnCode::ClientIdentifierNotValid)),
    };
    let (name, access) = match identify(shared, caller, &id, login).await {
        Ok(known) => known,
        Err((reason, code)) => return Err(refused(reason, code)),
    };
    let will = match will.map(|will| check_will(will, &id, &access)) {
        None => None,
        Some(Ok(will)) => Some(will),
        Some(Err((topic, reason))) => {
            shared.refusals.publish(peer, &id, &topic, reason);
            return Err(refused("will", ConnectReturnCode::NotAuthorized));
        }
    };
    let patience = match connect.keep_alive {
        0 => None,
        seconds => Some(Duration::from_secs(u64::from(seconds)) * 3 / 2),
    };
    Ok(Client { id, name, access, clean_session: connect.clean_session, patience, will })
}

type ConnectParts = (Connect, Option<LastWill>, Option<Login>);

async fn read_connect<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    shared: &Shared,
) -> Result<ConnectParts, Refusal> {
    let malformed = || Refusal::silent("malformed");
    let max = shared.config.max_packet_bytes.min(MAX_CONNECT);
    let length = loop {
        if let Some(first) = wire.input.first()
            && first >> 4 != 1
        {
            return Err(Refusal::silent("no_connect"));
        }
        match frame::next(&wire.input, max) {
            Ok(Some(frame)) if frame.kind == Kind::Connect => {
                check_flags(frame.body).ok_or_else(malformed)?;
                break frame.whole.len();
            }
            Ok(Some(_)) => return Err(Refusal::silent("no_connect")),
            Ok(None) => {}
            Err(error) => return Err(Refusal::silent(error.reason())),
        }
        match wire.read().await {
            Ok(0) => return Err(Refusal::silent("closed")),
            Ok(_) => {}
            Err(_) => return Err(Refusal::silent("io")),
        }
    };
    let mut packet: BytesMut = wire.input.split_to(length);
    match V4.read_mut(&mut packet, max) {
        Ok(Packet::Connect(connect, _, will, _, login)) => Ok((connect, will, login)),
        // MQTT 3.1 has another protocol name, MQTT 5 another level.
        Err(Error::InvalidProtocolLevel(_) | Error::InvalidProtocol) => {
            Err(Refusal::early("protocol_version", ConnectReturnCode::RefusedProtocolVersion))
        }
        Err(Error::PayloadNotUtf8(_)) => {
            Err(Refusal::early("credentials", ConnectReturnCode::BadUserNamePassword))
        }
        _ => Err(malformed()),
    }
}

/// What the codec lets pass in the flags of an MQTT 3.1.1 CONNECT: the reserved bit, and a
/// password without a user name.
fn check_flags(body: &[u8]) -> Option<()> {
    let &[0, 4, b'M', b'Q', b'T', b'T', 4, flags, ..] = body else { return Some(()) };
    let (user, password) = (flags & 0x80 != 0, flags & 0x40 != 0);
    (flags & 1 == 0 && (user || !password)).then_some(())
}

type Refused = (&'static str, ConnectReturnCode);

async fn identify(
    shared: &Shared,
    caller: Caller,
    id: &Arc<str>,
    login: Option<Login>,
) -> Result<(Arc<str>, Access), Refused> {
    if let Some(name) = caller.certificate {
        let unknown = ("certificate_unknown", ConnectReturnCode::NotAuthorized);
        let role = match &shared.verify {
            Some(verify) => (verify.certificate)(&name).ok_or(unknown)?,
            // Whoever may sign certificates says by them who is a device.
            None => ClientRole::Device,
        };
        return Ok((Arc::clone(&name), Access::Known(name, role)));
    }
    let Some(verify) = &shared.verify else {
        return Ok(("".into(), Access::Open(Arc::clone(id))));
    };
    let login = login.ok_or(("no_credentials", ConnectReturnCode::NotAuthorized))?;
    let name: Arc<str> = login.username.as_str().into();
    let role = match (verify.remembered)(&login.username, login.password.as_bytes()) {
        Some(role) => role,
        None => check_password(shared, caller.peer, login, Arc::clone(&verify.password)).await?,
    };
    Ok((Arc::clone(&name), Access::Known(name, role)))
}

async fn check_password(
    shared: &Shared,
    peer: SocketAddr,
    login: Login,
    password: AskPassword,
) -> Result<ClientRole, Refused> {
    let busy = ("stopping", ConnectReturnCode::ServiceUnavailable);
    // Hashes are slow on purpose: as many at a time as there are cores, the others wait.
    let permit = tokio::select! {
        permit = shared.hashing.acquire() => permit.map_err(|_| busy)?,
        () = shared.stop.cancelled() => return Err(busy),
    };
    // Behind the wait, so that not even a flood at once gets more tries than it may.
    if !shared.bounds.logins.may_try(peer.ip()) {
        return Err(("too_many_failures", ConnectReturnCode::NotAuthorized));
    }
    let checked =
        tokio::task::spawn_blocking(move || password(&login.username, login.password.as_bytes()));
    let role = checked.await.map_err(|_| busy)?;
    if role.is_none() {
        shared.bounds.logins.failed(peer.ip());
    }
    drop(permit);
    role.ok_or(("credentials", ConnectReturnCode::BadUserNamePassword))
}

/// A will is checked like the publish that it may become.
fn check_will(
    will: LastWill,
    id: &Arc<str>,
    access: &Access,
) -> Result<Will, (Bytes, &'static str)> {
    let Some(topic) = valid_topic(&will.topic) else { return Err((will.topic, "bad_topic")) };
    if will.qos == QoS::ExactlyOnce {
        return Err((will.topic, "qos_2"));
    }
    if !access.may_publish(topic) {
        return Err((will.topic, "not_permitted"));
    }
    let payload = Bytes::copy_from_slice(&will.message);
    let message = Arrival { source: Arc::clone(id), topic: topic.into(), payload };
    Ok(Will { message, waits: will.qos == QoS::AtLeastOnce })
}
