//! The data that the workers of a host share, with the behaviour observed in Envoy, and its possible faults.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use toolgate::workers::{NotShared, SharedData, Versioned};

/// A fault of the data that a host shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is none.
    None,
    /// Nothing is shared.
    Absent,
    /// It can be read only.
    ReadOnly,
    /// Another worker is always faster.
    Raced,
}

/// Envoy's shared data as it was seen to behave.
pub struct Data {
    pub values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    pub fault: Cell<Fault>,
    last_version: Cell<u32>,
    workers: Cell<u32>,
}

impl Data {
    pub fn new(fault: Fault) -> Self {
        Self {
            values: RefCell::default(),
            fault: Cell::new(fault),
            last_version: Cell::default(),
            workers: Cell::default(),
        }
    }

    pub fn put(&self, name: &str, value: Vec<u8>) {
        self.last_version.set(self.last_version.get() + 1);
        self.values.borrow_mut().insert(name.to_owned(), (value, self.last_version.get()));
    }

    /// The bytes of all values.
    pub fn size(&self) -> usize {
        self.values.borrow().values().map(|(value, _)| value.len()).sum()
    }

    /// A number that no other worker with the same data has.
    pub fn next_worker(&self) -> u32 {
        self.workers.set(self.workers.get() + 1);
        self.workers.get()
    }
}

impl SharedData for Data {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        let values = self.values.borrow();
        let found =
            values.get(name).map(|(bytes, version)| Versioned { bytes: bytes.clone(), version: Some(*version) });
        if self.fault.get() == Fault::Absent { Err(NotShared) } else { Ok(found.unwrap_or_default()) }
    }

    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        let current = self.values.borrow().get(name).map(|(_, version)| *version);
        match self.fault.get() {
            Fault::Absent | Fault::ReadOnly => Err(NotShared),
            Fault::Raced => Ok(false),
            Fault::None if current == old.version => {
                self.put(name, value.to_vec());
                Ok(true)
            }
            Fault::None => Ok(false),
        }
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        if matches!(self.fault.get(), Fault::Absent | Fault::ReadOnly) {
            return Err(NotShared);
        }
        self.put(name, value.to_vec());
        Ok(())
    }
}
