//! What a control plane says: the policy of a resource, fetched once for all workers and taken over by each.
//!
//! ```text
//! configured policy, or none ─ first good document ─► live ─ attempts fail ─► failing ─ max_stale ─► stale
//!                                                      ▲                         │                     │
//!                                                      └── a good document, or word that it still holds ┘
//! a document that says that it is not complete ─► withheld: what was there before is not used any more
//! ```
//!
//! Stale and withheld deny everything: what may have been revoked is not known any more. A bad document changes
//! nothing; it is a failed attempt.

mod policy;
mod worker;

pub use policy::{RemotePolicy, State};
pub use worker::{Answered, Names, PolicyWorker, first_to_say};
