//! The map that every message looks into.

use foldhash::fast::FixedState;
use std::collections::HashMap;

/// A map by ids. Its hash is quick and has fixed keys: the same stream is walked in the same way after
/// a restart.
pub type ById<K, V> = HashMap<K, V, FixedState>;
