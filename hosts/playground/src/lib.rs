//! The playground: `check`, `explain`, `matrix` and the trimmed list of tools, in a page of a browser.
//!
//! The page passes one JSON text and gets one JSON text. Everything is an argument: the time, the keys, the texts. The module
//! imports nothing, so it can neither read a clock nor reach a network.
//!
//! | module | holds |
//! |---|---|
//! | `abi` | the exported functions |
//! | `answer` | all answers about one case |
//! | `case` | the case: the texts of the page |
//! | `link` | the case as it may stand in a link, without its secrets |
//! | `way` | the steps of a decision, for the picture |

mod abi;
mod answer;
mod case;
mod link;
mod way;

pub use answer::answer;
pub use case::Case;
pub use link::{Link, link};
