//! When keys arrive before, during or after the body, under each setting and host flag.
