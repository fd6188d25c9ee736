//! The data of a worker without others.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{NotShared, SharedData, Versioned};

/// Data that nobody shares, for a host of one worker.
#[derive(Debug, Default)]
pub struct Alone(RefCell<HashMap<String, Versioned>>);

impl SharedData for Alone {
    fn read(&self, name: &str) -> Result<Versioned, NotShared> {
        Ok(self.0.borrow().get(name).cloned().unwrap_or_default())
    }

    fn replace(&self, name: &str, _: &Versioned, value: &[u8]) -> Result<bool, NotShared> {
        self.overwrite(name, value).map(|()| true)
    }

    fn overwrite(&self, name: &str, value: &[u8]) -> Result<(), NotShared> {
        let value = Versioned { bytes: value.to_vec(), version: Some(1) };
        self.0.borrow_mut().insert(name.to_owned(), value);
        Ok(())
    }
}
