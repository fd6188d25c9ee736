//! The data that all workers share: a map in the memory of the process.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use toolgate::workers::{NotShared, SharedData, Versioned};

#[derive(Default)]
struct Values {
    values: HashMap<String, (Vec<u8>, u32)>,
    /// No two values have the same version, so that a value that went and came again is another one.
    last: u32,
}

static VALUES: LazyLock<Mutex<Values>> = LazyLock::new(Mutex::default);

/// The data of this process.
pub struct Shared;

fn values() -> MutexGuard<'static, Values> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Values {
    fn write(&mut self, name: &str, value: &[u8]) {
        self.last = self.last.wrapping_add(1);
        if value.is_empty() {
            self.values.remove(name);
        } else {
            self.values.insert(name.to_owned(), (value.to_vec(), self.last));
        }
    }
}

impl SharedData for Shared {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        let values = values();
        let value = values.values.get(name);
        Ok(value
            .map(|(bytes, version)| Versioned { bytes: bytes.clone(), version: Some(*version) })
            .unwrap_or_default())
    }

    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        let mut values = values();
        let is_same = values.values.get(name).map(|(_, version)| *version) == old.version;
        if is_same {
            values.write(name, value);
        }
        Ok(is_same)
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        values().write(name, value);
        Ok(())
    }
}
