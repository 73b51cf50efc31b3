//! Beside the frameworks and the middleware that a breaker is used with: it compiles with them, and works.

mod frameworks;
mod middleware;
mod quick_start;
