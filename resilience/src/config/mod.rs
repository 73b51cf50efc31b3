//! A [`Policy`] from where services are configured: variables of the environment, documents, one on top of the other.
//!
//! - [`Policy::from_env`] reads variables with a prefix of yours, [`Policy::with_env`] lays them over a policy that is there
//!   already, [`Policy::with_vars`] takes them from anywhere. [`VARIABLES`] lists them all; [`Policy::to_vars`] is the way
//!   back.
//! - `Policy::from_document` (feature `serde`) reads a whole document of any format that serde knows.
//!
//! Every way ends with a checked policy or with a [`ConfigError`], which is one line that names the variable, or the
//! document and the path in it. A name that begins with the prefix and is none of the variables is an error, too, and says
//! which one it is near to: a misspelt limit is no limit.
//!
//! ```
//! use std::time::Duration;
//! use resilience::Policy;
//!
//! let policy = Policy::default().with_vars("ORDERS_", [("ORDERS_FAILURES", "5"), ("ORDERS_WINDOW", "1m")])?;
//! assert_eq!(policy.window.unwrap().failures, 5);
//! assert_eq!(policy.window.unwrap().within, Duration::from_secs(60));
//!
//! let misspelt = Policy::default().with_vars("ORDERS_", [("ORDERS_FAILURE", "5")]).unwrap_err();
//! assert_eq!(misspelt.to_string(), "ORDERS_FAILURE: is not known; did you mean ORDERS_FAILURES?");
//!
//! let wrong = Policy::default().with_vars("ORDERS_", [("ORDERS_DELAY", "2m")]).unwrap_err();
//! assert_eq!(wrong.to_string(), "ORDERS_MAX_DELAY: is 60s, as it is not set; must be at least `cool_down.delay`");
//! # Ok::<(), resilience::config::ConfigError>(())
//! ```
//!
//! # More than one policy
//!
//! Give each a prefix of its own, and none that begins like another's: under `GATEWAY_` a variable `GATEWAY_ORDERS_DELAY`
//! would be one that is not known.
//!
//! [`Policy`]: crate::Policy
//! [`Policy::from_env`]: crate::Policy::from_env
//! [`Policy::with_env`]: crate::Policy::with_env
//! [`Policy::with_vars`]: crate::Policy::with_vars
//! [`Policy::to_vars`]: crate::Policy::to_vars

#[cfg(feature = "serde")]
mod document;
mod error;
mod nearest;
mod table;
mod vars;
mod written;

pub use error::ConfigError;
pub use table::{VARIABLES, Variable};
