//! One chunk of the journal through the pipeline, and what was decided of it into the decided log.

use super::{
    onward,
    run::{FoldError, Folded, Folding},
};
use crate::{
    clock::now_ms,
    journal::{Kind, Record},
    model::{Arrived, Decided, DecidedBatch, EventMessage, PresentChange},
    utilisation::Rules,
};
use std::{mem, sync::Arc};

impl Folding {
    /// Folds about so many bytes of the journal; gives back how many records that were.
    pub(super) fn step(
        &mut self,
        bytes: usize,
        publish: &dyn Fn(&EventMessage),
    ) -> Result<usize, FoldError> {
        let records = self.reader.read(bytes)?;
        let (Some(first_ms), Some(last)) =
            (records.first().map(|r| r.received_ms), records.last().map(|r| r.sequence))
        else {
            return Ok(0);
        };
        let mut items = Vec::new();
        let mut out = Vec::new();
        let mut site = self.pipeline.site().version.clone();
        for record in &records {
            self.fold(record, &mut out)?;
            let now = &self.pipeline.site().version;
            if *now != site {
                // What another building decided is stored with the rooms of that building.
                self.hand_on(
                    record.sequence - 1,
                    mem::replace(&mut site, now.clone()),
                    mem::take(&mut items),
                    publish,
                );
            }
            if record.sequence > self.decided_through {
                items.extend(out.drain(..).map(|decided| (record.sequence, decided)));
            }
            out.clear();
            self.received_ms = record.received_ms;
        }
        self.hand_on(last, site, items, publish);
        self.folded.send_replace(Folded { through: last, decided: self.decided_through });
        measure(first_ms);
        let behind = self.journal.last().saturating_sub(last);
        metrics::gauge!("spor_journal_lag_messages", "journal" => "raw", "cursor" => "pipeline")
            .set(count(behind));
        Ok(records.len())
    }

    fn fold(&mut self, record: &Record, out: &mut Vec<Decided>) -> Result<(), FoldError> {
        let received_ms = record.received_ms;
        match record.kind {
            Kind::Message => {
                let (source, topic, payload) = (record.source(), record.topic(), record.payload());
                self.pipeline.arrival(Arrived { source, topic, payload }, received_ms, out);
            }
            Kind::Tick => self.pipeline.tick(received_ms, out),
            Kind::Registry => match serde_json::from_slice(record.payload()) {
                Ok(change) => self.pipeline.change_registry(&change, received_ms, out),
                Err(error) => tracing::error!(%error, "a change of the registry can't be read"),
            },
            Kind::Site => {
                let site = self.checkpoints.site(record.topic())?;
                self.pipeline.change_site(site);
            }
            Kind::Amended => match serde_json::from_slice::<Vec<PresentChange>>(record.payload()) {
                Ok(changes) => changes.iter().for_each(|change| self.pipeline.amended(change)),
                Err(error) => tracing::error!(%error, "what a late fix amended can't be read"),
            },
            Kind::ByHand => match serde_json::from_slice(record.payload()) {
                Ok(act) => self.pipeline.by_hand(&act, record.sequence, received_ms, out),
                Err(error) => tracing::error!(%error, "what somebody did by hand can't be read"),
            },
            Kind::Rules => match std::str::from_utf8(record.payload()).map(Rules::parse) {
                Ok(Ok(rules)) => self.pipeline.change_rules(Arc::new(rules), received_ms, out),
                Ok(Err(error)) => tracing::error!(%error, "changed rules can't be read"),
                Err(error) => tracing::error!(%error, "changed rules can't be read"),
            },
            Kind::Flush => self.pipeline.flush(out),
            Kind::Decided => {}
        }
        Ok(())
    }

    fn hand_on(
        &mut self,
        through: u64,
        site: String,
        items: Vec<(u64, Decided)>,
        publish: &dyn Fn(&EventMessage),
    ) {
        if items.is_empty() {
            return;
        }
        let batch = DecidedBatch { through, at_ms: self.received_ms, site, items };
        onward::append(&self.decided, &self.journal, &batch);
        self.decided_through = through;
        for (_, decided) in &batch.items {
            if let Decided::Event(event) = decided {
                publish(event);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a latency")]
fn measure(received_ms: i64) {
    let seconds = (now_ms() - received_ms).max(0) as f64 / 1000.0;
    metrics::histogram!("spor_latency_seconds", "stage" => "live").record(seconds);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
