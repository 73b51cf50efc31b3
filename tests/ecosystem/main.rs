//! Beside the frameworks and the middleware that a breaker is used with: it compiles with them, and works.

mod clients;
mod frameworks;
mod grpc;
mod middleware;
mod quick_start;
mod socket;
