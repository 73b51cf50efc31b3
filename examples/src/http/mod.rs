//! HTTP plumbing on plain hyper: everything between a TCP socket and a handler.
//!
//! | module | answers the question |
//! |---|---|
//! | [`serve`] | how is a connection accepted, limited, watched and ended? |
//! | [`router`] | which handler gets the request, and what do the others (404, 405, `HEAD`, `OPTIONS`) get? |
//! | [`json`] | how is a body read without trusting its size, its pace or its content? |
//! | [`query`] | how are query parameters read? |
//! | [`problem`] | what does an error look like? |
//! | [`body`] | what is a body? |
//!
//! A request travels like this: [`serve`] checks what hyper does not (the `Host` header, the form of the target), gives the
//! request an id and passes it to any tower service; [`router::Router`] is one. A handler is an async function from
//! `(state, Call)` to `Result<Response<Body>, Problem>`:
//!
//! ```ignore
//! async fn hello(name: &'static str, _call: Call) -> Answer {
//!     json::response(StatusCode::OK, &serde_json::json!({ "hello": name }))
//! }
//!
//! let router = Router::builder("world").get("/hello", hello).build()?;
//! let running = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).await?.start(router);
//! println!("listening on {}", running.addr());
//! running.shutdown().await;
//! ```

pub mod body;
pub mod json;
pub mod problem;
pub mod query;
pub mod router;
pub mod serve;

pub use body::{Body, BoxError};
pub use problem::Problem;
pub use router::{Answer, Call, Router};
pub use serve::{Running, Server, ServerLimits};
