//! The whole state of a pipeline as bytes, and back. What is about people is sealed by the caller,
//! apart from the rest, so that it can be forgotten by itself.

use super::{
    Parts, Pipeline,
    doings::{Doings, DoingsKept, NoDestinations},
    shard_of,
    tag::TagWork,
};
use crate::{
    ingest::SenderMemory,
    model::{Carrier, CarrierId, Person, PersonId, RegistryChange, RulesRow, TagId},
    privacy::PresenceCount,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::Write;

/// Why a snapshot can't be written or read.
#[derive(Debug, thiserror::Error)]
#[error("a snapshot of the pipeline: {0}")]
pub struct SnapshotError(#[from] postcard::Error);

/// The form of a snapshot. One that is written down without the names of its fields can't be read
/// as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Claims don't say where to.
    NoDestinations = 4,
    /// They may.
    Destinations = 5,
}

impl Form {
    /// In which it is written.
    pub(super) const NOW: Self = Self::Destinations;

    /// None: this version can't read it.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::NoDestinations, Self::Destinations].into_iter().find(|form| *form as u8 == byte)
    }
}

#[derive(Serialize, Deserialize)]
struct Head<Whole = RegistryChange, Doing = DoingsKept> {
    registry: Whole,
    followed: bool,
    doings: Doing,
    rules: RulesRow,
}

/// What a snapshot holds of people's tags.
#[derive(Default, Serialize, Deserialize)]
struct People<Tag, Work, Count> {
    tags: Vec<(Tag, Work)>,
    senders: Vec<SenderMemory>,
    presence: Count,
}

impl Pipeline {
    /// Writes everything that the next record's outcome depends on.
    ///
    /// # Errors
    /// When `out` fails.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        seal: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Result<(), SnapshotError> {
        let doings = self.doings.kept();
        let rules = self.rules_row();
        put(out, &Head { registry: self.known.whole(), followed: self.followed, doings, rules })?;
        let mut people = People { tags: Vec::new(), senders: Vec::new(), presence: &self.presence };
        for (tag, work) in self.shards.iter().flatten() {
            if self.known.is_worn(tag) {
                people.tags.push((tag, work));
            } else {
                put(out, &Some((tag, work)))?;
            }
        }
        put(out, &None::<()>)?;
        for sender in self.ingest.memory() {
            if sender.is_of(|tag| self.known.is_worn(tag)) {
                people.senders.push(sender);
            } else {
                put(out, &Some(sender))?;
            }
        }
        put(out, &None::<()>)?;
        put(out, &seal(&postcard::to_stdvec(&people)?))
    }

    /// Takes up what [`Self::write`] wrote, now or in an earlier form. `open` gives none where the key is gone: then people's
    /// tags begin anew.
    ///
    /// # Errors
    /// When the bytes are of another form.
    pub(super) fn read(
        parts: Parts,
        form: Form,
        bytes: &[u8],
        open: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Self, SnapshotError> {
        let mut pipeline = Self::new(parts);
        let mut rest = bytes;
        let head = match form {
            Form::Destinations => take::<Head>(&mut rest)?,
            Form::NoDestinations => {
                let Head { registry, followed, doings, rules } =
                    take::<Head<RegistryChange, NoDestinations>>(&mut rest)?;
                Head { registry, followed, doings: doings.into(), rules }
            }
        };
        pipeline.known.apply(&head.registry);
        pipeline.followed = head.followed;
        pipeline.doings = Doings::take_up(head.doings);
        pipeline.take_up_rules(&head.rules.text, head.rules.from_ms);
        while let Some((tag, work)) = take::<Option<(TagId, TagWork)>>(&mut rest)? {
            pipeline.shards[shard_of(&tag)].insert(tag, work);
        }
        while let Some(sender) = take::<Option<SenderMemory>>(&mut rest)? {
            pipeline.ingest.take_up(sender);
        }
        if let Some(bytes) = open(&take::<Vec<u8>>(&mut rest)?) {
            let people: People<TagId, TagWork, PresenceCount> = postcard::from_bytes(&bytes)?;
            for (tag, work) in people.tags {
                pipeline.shards[shard_of(&tag)].insert(tag, work);
            }
            people.senders.into_iter().for_each(|sender| pipeline.ingest.take_up(sender));
            pipeline.presence = people.presence;
        }
        pipeline.show_hands(None);
        let tags: Vec<TagId> =
            pipeline.shards.iter().flatten().map(|(tag, _)| tag.clone()).collect();
        tags.iter().for_each(|tag| pipeline.show(tag));
        Ok(pipeline)
    }
}

impl Pipeline {
    /// Gives those who wear a badge other names, or forgets them; for a state that leaves. Those who
    /// wear none are forgotten.
    pub(super) fn rename_persons(
        &mut self,
        rename: impl Fn(&TagId, &PersonId) -> Option<(TagId, PersonId)>,
    ) {
        let gone = self.known.persons.keys().cloned().collect();
        let mut change = RegistryChange { gone, ..RegistryChange::default() };
        for (tag, carrier) in &self.known.carriers {
            if let Carrier::Person(person) = carrier
                && let Some((tag, id)) = rename(tag, &person.id)
            {
                change.persons.push(Person { id: id.clone(), role: person.role.clone() });
                change.bound.push((tag, CarrierId::Person(id)));
            }
        }
        self.known.apply(&change);
    }
}

fn put<T: Serialize>(out: &mut impl Write, value: &T) -> Result<(), SnapshotError> {
    postcard::to_io(value, out)?;
    Ok(())
}

fn take<T: DeserializeOwned>(rest: &mut &[u8]) -> Result<T, SnapshotError> {
    let (value, left) = postcard::take_from_bytes(rest)?;
    *rest = left;
    Ok(value)
}
