//! What a control plane says and is told: the policy of a resource, fetched once for all workers and taken over by each,
//! and the manifest of the live tools, published by one of them.
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
mod publish;
mod worker;

pub use policy::{RemotePolicy, State};
pub use publish::{PublishNames, Publisher};
pub use worker::{Answered, Names, PolicyWorker};
