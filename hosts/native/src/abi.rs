//! Calls to Envoy, with their failures as values. `imports` declares them. The calls from Envoy are in
//! `hooks`: these two modules hold all unsafe code.
//!
//! A handle ([`Filter`], [`Plugin`]) is a pointer of Envoy under a safe name. It may be used as long as its owner in the
//! module exists: Envoy calls the `destroy` hook, which ends the owner, before it frees the object. A [`Filter`] is used
//! on the thread of its worker, a [`Plugin`] on the main thread. Schedulers may be used on any thread.

#![allow(unsafe_code)]

mod filter;
mod imports;
mod locked;
mod plugin;

pub use filter::{Attribute, Filter, Map, Message, StreamScheduler};
pub use imports::{Field, HostFault, Kind, Metric, Theirs};
pub use locked::Locked;
pub use plugin::{MainScheduler, Plugin, VERSIONS, log, only_validates, prints, version};
