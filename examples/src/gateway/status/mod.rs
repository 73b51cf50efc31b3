//! Status.
mod origin;
mod stream;
