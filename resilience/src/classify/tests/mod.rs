mod closures;
mod errors;
mod ext;

#[cfg(feature = "http")]
mod at_end;
#[cfg(feature = "http")]
mod grpc;
#[cfg(feature = "http")]
mod http_status;
#[cfg(feature = "http")]
mod proxy_status;
#[cfg(feature = "http")]
mod reading;

use super::Classify;
use crate::Verdict;

/// The verdict on an `Ok`.
fn ok<Res, C: Classify<Res, std::io::Error>>(classifier: &C, response: &Res) -> Verdict {
    classifier.classify(Ok(response))
}

/// The verdict on an `Err`.
fn err<C: Classify<u32, E>, E>(classifier: &C, error: &E) -> Verdict {
    classifier.classify(Err(error))
}

/// An answer with this status and these headers.
#[cfg(feature = "http")]
fn response(status: u16, headers: &[(&str, &str)]) -> http::Response<&'static str> {
    let builder = http::Response::builder().status(status);
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body("").unwrap()
}
