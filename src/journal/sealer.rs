//! Sealed boxes and the keys of their hours. A key lies in one slot of a file of fixed size and is
//! overwritten there, in place, once its time is over: what was sealed with it is then gone, wherever
//! the box was copied to.
//!
//! A file system that copies on write, a snapshot or a backup of the folder may still hold an old
//! slot: the data folder wants a plain file system and no snapshots.

use super::{Clock, JournalError, disk::Disk, error::at, locked};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use rand::Rng as _;
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex},
};

const HOUR_MS: i64 = 3_600_000;
const MAGIC: &[u8; 8] = b"SPORKEYS";
const FILE_HEAD: usize = 64;
/// One key: the hour, 32 bytes, a CRC; the rest is zero.
const SLOT: usize = 64;
const SLOTS: usize = 1024;
const FILE_BYTES: usize = FILE_HEAD + SLOTS * SLOT;
const NONCE: usize = 24;
/// In front of a box: its hour and its nonce.
const BOX_HEAD: usize = 8 + NONCE;

/// Keys are kept at most this long, so that the slots suffice: six weeks.
const MAX_HOURS: u32 = 1000;

/// Seals with the key of the hour, and opens what was sealed in an hour whose key still exists.
/// Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<Keys>);

struct Keys {
    clock: Clock,
    disk: Disk,
    file: File,
    /// How long a key outlives its hour, milliseconds.
    kept_ms: i64,
    ring: Mutex<Ring>,
}

/// The keys that exist, by hour since the epoch.
struct Ring {
    keys: BTreeMap<i64, Held>,
    /// The newest time that the clock told: a clock set back brings no key back.
    newest_ms: i64,
}

struct Held {
    cipher: Arc<XChaCha20Poly1305>,
    key: [u8; 32],
    slot: usize,
    on_disk: bool,
}

impl Sealer {
    /// Reads the keys at `path`, or begins with none, and destroys those whose time is over.
    pub(super) fn load(
        disk: Disk,
        path: &Path,
        people_hours: u32,
        clock: Clock,
    ) -> Result<Self, JournalError> {
        if !path.exists() {
            begin(&disk, path).map_err(at(path))?;
        }
        let file = File::options().read(true).write(true).open(path).map_err(at(path))?;
        let mut bytes = vec![0; FILE_BYTES];
        let whole = file.metadata().map_err(at(path))?.len() == FILE_BYTES as u64;
        if whole {
            file.read_exact_at(&mut bytes, 0).map_err(at(path))?;
        }
        if !whole || &bytes[..8] != MAGIC {
            return Err(JournalError::Keys { path: path.to_owned() });
        }
        let mut keys = BTreeMap::new();
        let mut torn = Vec::new();
        for slot in 0..SLOTS {
            match read_slot(&bytes, slot) {
                Slot::Free => {}
                Slot::Torn => torn.push(slot),
                Slot::Key(hour, held) => drop(keys.insert(hour, held)),
            }
        }
        let kept_ms = i64::from(people_hours.min(MAX_HOURS)) * HOUR_MS;
        let ring = Mutex::new(Ring { keys, newest_ms: i64::MIN });
        let sealer = Self(Arc::new(Keys { clock, disk, file, kept_ms, ring }));
        // Nothing was sealed with a key that was not wholly written; part of a key is still no litter.
        for slot in torn {
            sealer.0.write_slot(slot, &[0; SLOT]).map_err(at(path))?;
            sealer.0.disk.sync(&sealer.0.file).map_err(at(path))?;
        }
        sealer.tend().map_err(at(path))?;
        Ok(sealer)
    }

    /// The keys at `path` as they are now, for looking only: none is made, and none is destroyed.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn look(
        path: &Path,
        people_hours: u32,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(at(path))?;
        let mut bytes = vec![0; FILE_BYTES];
        file.read_exact_at(&mut bytes, 0).map_err(at(path))?;
        if &bytes[..8] != MAGIC {
            return Err(JournalError::Keys { path: path.to_owned() });
        }
        let keys = (0..SLOTS).filter_map(|slot| match read_slot(&bytes, slot) {
            Slot::Key(hour, held) => Some((hour, held)),
            Slot::Free | Slot::Torn => None,
        });
        let kept_ms = i64::from(people_hours.min(MAX_HOURS)) * HOUR_MS;
        let ring = Mutex::new(Ring { keys: keys.collect(), newest_ms: i64::MIN });
        let disk = Disk::default();
        Ok(Self(Arc::new(Keys { clock: Arc::new(clock), disk, file, kept_ms, ring })))
    }

    /// A box that opens until the key of this hour is destroyed.
    #[must_use]
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let hour = self.now().div_euclid(HOUR_MS);
        let cipher = {
            let mut ring = locked(&self.0.ring);
            // Made ahead by `tend`; here only when the clock has jumped. A key that can't be written
            // is tried again by `tend`: till then its boxes open in this process only.
            let _ = self.0.make(&mut ring, hour);
            ring.keys.get(&hour).map(|held| held.cipher.clone())
        };
        let nonce: [u8; NONCE] = rand::random();
        let mut sealed = Vec::with_capacity(BOX_HEAD + plain.len() + 16);
        sealed.extend_from_slice(&hour.to_le_bytes());
        sealed.extend_from_slice(&nonce);
        let closed = cipher.and_then(|c| c.encrypt(&XNonce::from(nonce), plain).ok());
        // Without a free slot there is no key; such a box can be opened by nobody.
        sealed.extend_from_slice(&closed.unwrap_or_default());
        sealed
    }

    /// What was sealed; none once the key is gone, and for what is no box of this journal.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (head, closed) = sealed.split_at_checked(BOX_HEAD)?;
        let hour = i64::from_le_bytes(head[..8].try_into().ok()?);
        let nonce: [u8; NONCE] = head[8..].try_into().ok()?;
        if self.0.is_over(hour, self.now()) {
            return None;
        }
        let cipher = locked(&self.0.ring).keys.get(&hour)?.cipher.clone();
        cipher.decrypt(&XNonce::from(nonce), closed).ok()
    }

    /// Destroys the keys whose time is over, and makes those of this hour and the next, so that
    /// nobody who seals waits for the disk.
    pub(super) fn tend(&self) -> io::Result<()> {
        let now = self.now();
        let mut ring = locked(&self.0.ring);
        let over: Vec<i64> =
            ring.keys.keys().copied().filter(|h| self.0.is_over(*h, now)).collect();
        for hour in &over {
            if let Some(held) = ring.keys.get(hour) {
                self.0.write_slot(held.slot, &[0; SLOT])?;
            }
        }
        if !over.is_empty() {
            self.0.disk.sync(&self.0.file)?;
            ring.keys.retain(|hour, _| !over.contains(hour));
            tracing::debug!(keys = over.len(), "keys of people's records destroyed");
        }
        let hour = now.div_euclid(HOUR_MS);
        self.0.make(&mut ring, hour)?;
        self.0.make(&mut ring, hour + 1)
    }

    /// The clock, never going back.
    fn now(&self) -> i64 {
        let now = (self.0.clock)();
        let mut ring = locked(&self.0.ring);
        ring.newest_ms = ring.newest_ms.max(now);
        ring.newest_ms
    }
}

impl Keys {
    fn is_over(&self, hour: i64, now_ms: i64) -> bool {
        now_ms >= (hour + 1).saturating_mul(HOUR_MS).saturating_add(self.kept_ms)
    }

    /// The key of `hour` exists and is on disk.
    fn make(&self, ring: &mut Ring, hour: i64) -> io::Result<()> {
        if !ring.keys.contains_key(&hour) {
            let slot = (0..SLOTS).find(|s| ring.keys.values().all(|held| held.slot != *s));
            let slot = slot.ok_or(io::ErrorKind::QuotaExceeded)?;
            let mut key = [0; 32];
            rand::rng().fill(&mut key);
            ring.keys.insert(hour, Held::new(key, slot, false));
        }
        let Some(held) = ring.keys.get_mut(&hour).filter(|held| !held.on_disk) else {
            return Ok(());
        };
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&hour.to_le_bytes());
        bytes[8..40].copy_from_slice(&held.key);
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        self.write_slot(held.slot, &bytes)?;
        self.disk.sync(&self.file)?;
        held.on_disk = true;
        Ok(())
    }

    fn write_slot(&self, slot: usize, bytes: &[u8; SLOT]) -> io::Result<()> {
        self.disk.write(&self.file, bytes, (FILE_HEAD + slot * SLOT) as u64)
    }
}

impl Held {
    fn new(key: [u8; 32], slot: usize, on_disk: bool) -> Self {
        let cipher = Arc::new(XChaCha20Poly1305::new(&Key::from(key)));
        Self { cipher, key, slot, on_disk }
    }
}

/// Makes the file with no keys in it, whole or not at all.
fn begin(disk: &Disk, path: &Path) -> io::Result<()> {
    // Opening the journal removes what is left of it after a power cut.
    let new = path.with_extension("new");
    let file = disk.create(&new)?;
    let mut bytes = vec![0; FILE_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    disk.write(&file, &bytes, 0)?;
    disk.sync(&file)?;
    disk.rename(&new, path)?;
    disk.sync_dir(path.parent().unwrap_or(path))
}

enum Slot {
    Free,
    Torn,
    Key(i64, Held),
}

fn read_slot(file: &[u8], slot: usize) -> Slot {
    let bytes = &file[FILE_HEAD + slot * SLOT..][..SLOT];
    if bytes.iter().all(|b| *b == 0) {
        return Slot::Free;
    }
    let (mut hour, mut key, mut crc) = ([0; 8], [0; 32], [0; 4]);
    hour.copy_from_slice(&bytes[..8]);
    key.copy_from_slice(&bytes[8..40]);
    crc.copy_from_slice(&bytes[40..44]);
    if crc32fast::hash(&bytes[..40]) != u32::from_le_bytes(crc) {
        return Slot::Torn;
    }
    Slot::Key(i64::from_le_bytes(hour), Held::new(key, slot, true))
}
