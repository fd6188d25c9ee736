//! Communication with a control plane. The policy of a resource is fetched once for all workers and adopted by each.
//! One worker publishes the manifest of the live tools.
//!
//! ```text
//! configured policy, or none ─ first good document ─► live ─ attempts fail ─► failing ─ max_stale ─► stale
//!                                                      ▲                         │                     │
//!                                                      └── a good document, or 304 (Not Modified) ──────┘
//! a document that says it is incomplete ─► withheld: the previous policy is no longer used
//! ```
//!
//! In the states stale and withheld everything is denied, because revocations may be missing. An invalid document
//! counts as a failed attempt and changes nothing else.

mod policy;
mod publish;
mod worker;

pub use policy::{RemotePolicy, State};
pub use publish::{PublishNames, Publisher};
pub use worker::{Answered, Names, PolicyWorker};
