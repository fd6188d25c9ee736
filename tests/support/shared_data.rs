//! The data that the workers of a host share, as Envoy's was seen to behave, and what may go wrong with it.

use std::cell::RefCell;
use std::collections::HashMap;

use toolgate::workers::{NotShared, SharedData, Versioned};

/// What may go wrong with the data that a host shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing does.
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
    fault: Fault,
}

impl Data {
    pub fn new(fault: Fault) -> Self {
        Self { values: RefCell::default(), fault }
    }

    pub fn put(&self, name: &str, value: Vec<u8>) {
        let mut values = self.values.borrow_mut();
        let next = values.values().map(|(_, version)| version + 1).max().unwrap_or(1);
        values.insert(name.to_owned(), (value, next));
    }

    pub fn size(&self) -> usize {
        self.values.borrow().values().map(|(value, _)| value.len()).sum()
    }
}

impl SharedData for Data {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        let values = self.values.borrow();
        let found =
            values.get(name).map(|(bytes, version)| Versioned { bytes: bytes.clone(), version: Some(*version) });
        if self.fault == Fault::Absent { Err(NotShared) } else { Ok(found.unwrap_or_default()) }
    }

    fn replace(&self, name: &str, old: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        let current = self.values.borrow().get(name).map(|(_, version)| *version);
        match self.fault {
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
        if matches!(self.fault, Fault::Absent | Fault::ReadOnly) {
            return Err(NotShared);
        }
        self.put(name, value.to_vec());
        Ok(())
    }
}
