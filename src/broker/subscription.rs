//! SUBSCRIBE, UNSUBSCRIBE and what is delivered for them. Both are answered here: the router
//! is sent only filters that are allowed, and its own answers are swallowed.

use super::{
    connection::Connection,
    end::End,
    frame,
    permission::Grant,
    publisher::dropped,
    router::{Fallen, NoLink},
    session::InFlight,
};
use bytes::{Bytes, BytesMut};
use rumqttd::{
    Notification,
    protocol::{Packet, Protocol as _, QoS, SubscribeReasonCode, v4::V4},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes of events that are put together before they are written.
const WRITE_AT: usize = 64 * 1024;

pub(super) async fn subscribe<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    packet: &[u8],
) -> Result<(), End> {
    let malformed = End::Refused("malformed");
    let Ok(Packet::Subscribe(subscribe, _)) = V4.read_mut(&mut packet.into(), usize::MAX) else {
        return Err(malformed);
    };
    if subscribe.pkid == 0 {
        return Err(malformed);
    }
    let mut codes = Vec::with_capacity(subscribe.filters.len());
    for filter in &subscribe.filters {
        let qos = if filter.qos == QoS::AtMostOnce { filter.qos } else { QoS::AtLeastOnce };
        match grant(connection, &filter.path, qos).await? {
            Ok(qos) => {
                if connection.client.access.is_engineer() {
                    tracing::info!(
                        client = &*connection.client.id,
                        filter = filter.path,
                        "an engineer subscribes"
                    );
                }
                connection.session.filters.insert(filter.path.clone(), qos);
                codes.push(SubscribeReasonCode::Success(qos));
            }
            Err(reason) => {
                let shared = &connection.shared;
                let (peer, id) = (connection.peer, &connection.client.id);
                shared.refusals.subscription(peer, id, &filter.path, reason);
                codes.push(SubscribeReasonCode::Failure);
            }
        }
    }
    connection.wire.put_sub_ack(subscribe.pkid, codes);
    Ok(())
}

/// Grants one filter, or says why not.
async fn grant<S>(
    connection: &mut Connection<S>,
    filter: &str,
    qos: QoS,
) -> Result<Result<QoS, &'static str>, End> {
    let session = &mut connection.session;
    let shared = &connection.shared;
    let full = session.filters.len() >= shared.config.max_subscriptions;
    if full && !session.filters.contains_key(filter) {
        return Ok(Err("too_many_subscriptions"));
    }
    match connection.client.access.subscription(filter) {
        Grant::Denied => Ok(Err("not_permitted")),
        Grant::Commands(device) => {
            connection.inbox.get_or_insert_with(|| shared.commands.inbox()).listen(device);
            // Commands are not kept, and so not repeated.
            Ok(Ok(QoS::AtMostOnce))
        }
        Grant::Events => {
            if session.link.is_none() {
                match shared.hub.subscriber().await {
                    Ok(link) => session.link = Some(link),
                    Err(NoLink::TooMany) => return Ok(Err("too_many_subscribers")),
                    Err(NoLink::Fallen) => return Ok(Err("router_fell")),
                }
            }
            // After the link, because a new router starts with no filters.
            if !shared.hub.may_hold(filter) {
                return Ok(Err("too_many_filters"));
            }
            if let Some(link) = &mut session.link {
                link.subscribe(filter, qos).await?;
            }
            Ok(Ok(qos))
        }
    }
}

pub(super) async fn unsubscribe<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    packet: &[u8],
) -> Result<(), End> {
    let malformed = End::Refused("malformed");
    let Ok(Packet::Unsubscribe(unsubscribe, _)) = V4.read_mut(&mut packet.into(), usize::MAX)
    else {
        return Err(malformed);
    };
    if unsubscribe.pkid == 0 || unsubscribe.filters.is_empty() {
        return Err(malformed);
    }
    for filter in &unsubscribe.filters {
        if connection.session.filters.remove(filter).is_none() {
            continue;
        }
        match connection.client.access.subscription(filter) {
            Grant::Commands(device) => {
                if let Some(inbox) = &mut connection.inbox {
                    inbox.leave(device);
                }
            }
            Grant::Events => {
                if let Some(link) = &mut connection.session.link {
                    link.unsubscribe(filter).await?;
                }
            }
            Grant::Denied => {}
        }
    }
    connection.wire.put_unsub_ack(unsubscribe.pkid);
    Ok(())
}

/// Goes on with a persistent session: what was not acknowledged is sent again, and where the link
/// is gone (the router fell in between) it is made anew.
pub(super) async fn resume<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
) -> Result<(), End> {
    let had_link = connection.session.link.is_some();
    if had_link
        && connection.session.link.as_ref().map(|l| l.generation)
            != connection.shared.hub.generation()
    {
        connection.session.end().await;
    }
    let known = connection.session.link.is_some();
    for (filter, qos) in connection.session.filters.clone() {
        let events = connection.client.access.subscription(&filter) == Grant::Events;
        if events && known {
            continue;
        }
        // A credential may have lost what it had when the session began.
        if grant(connection, &filter, qos).await?.is_err() {
            connection.session.filters.remove(&filter);
        }
    }
    for delivery in &connection.session.in_flight {
        let start = connection.wire.output.len();
        connection.wire.output.extend_from_slice(&delivery.packet);
        if let Some(first) = connection.wire.output.get_mut(start) {
            *first |= 0x08; // DUP
        }
    }
    Ok(())
}

/// Writes what the router has for this client.
pub(super) async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    event: Result<Option<Notification>, Fallen>,
) -> Result<(), End> {
    let mut next = event?;
    let mut paused = false;
    while let Some(notification) = next {
        match notification {
            Notification::Unschedule => paused = true,
            Notification::Disconnect(..) => return Err(End::RouterFell),
            Notification::Forward(forward) => {
                let topic = forward.publish.topic.clone();
                let start = connection.wire.put_publish(forward.publish);
                let session = &mut connection.session;
                if let (Some((_, offset)), Ok(topic)) =
                    (forward.cursor, std::str::from_utf8(&topic))
                    && let Some(link) = &mut session.link
                {
                    dropped("slow_subscriber", link.lost_before(topic, offset));
                }
                let written = &connection.wire.output[start..];
                if let Some(id) = frame::outgoing_packet_id(written) {
                    let clean = connection.client.clean_session;
                    let packet =
                        if clean { Bytes::new() } else { BytesMut::from(written).freeze() };
                    session.in_flight.push_back(InFlight { id, acknowledged: false, packet });
                }
                if connection.wire.output.len() >= WRITE_AT {
                    connection.flush().await?;
                }
            }
            // The router's answers to what was answered here already.
            _ => {}
        }
        next = connection.session.link.as_mut().and_then(super::router::Link::next_now);
    }
    connection.flush().await?;
    if paused && let Some(link) = &mut connection.session.link {
        // Only after the write, so that the router waits for a client that reads slowly.
        link.wake().await?;
    }
    Ok(())
}
