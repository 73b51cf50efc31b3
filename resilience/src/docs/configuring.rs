//! How to configure it.
