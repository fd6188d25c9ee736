//! The text and JSON that toolgate's tools show of a configuration, a request and a server's tools: for command line and playground.
//!
//! Everything here is pure: texts in, texts and JSON out. Files, the environment and the clock are the caller's. The core
//! decides; this package words its decisions.
//!
//! | module | says |
//! |---|---|
//! | [`check`] | the faults and warnings of a configuration by line, and its summary |
//! | [`explain`] | why a request gets its answer |
//! | [`listed`] | which of a server's tools the caller of a request sees |
//! | [`matrix`] | which scope opens which tool, for whom |
//! | [`source`] | where a configuration is in a file, with the line of every value |
//! | [`ask`], [`summary`], [`tools`], [`likely`], [`output`] | the parts of these |

pub mod ask;
pub mod check;
pub mod explain;
pub mod likely;
pub mod listed;
pub mod matrix;
pub mod output;
mod provider;
pub mod source;
pub mod summary;
pub mod tools;
