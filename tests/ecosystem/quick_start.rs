//! The programs of the guide's first page: the very files, compiled here and called over real sockets.

#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/axum.rs"]
mod axum_server;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/hyper_client.rs"]
mod hyper_client;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/hyper.rs"]
mod hyper_server;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/reqwest.rs"]
mod reqwest_client;
#[allow(dead_code, unreachable_pub, reason = "it is a program, with a main of its own")]
#[path = "../../resilience/quick_start/tonic.rs"]
mod tonic_both;
