//! The status page: four files compiled into the program, and headers that let it do what it does and no more.

use crate::http::{Answer, Body};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderValue, Response};

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    media_type: &'static str,
    text: &'static str,
}

pub(crate) const PAGE: Asset = Asset { media_type: "text/html; charset=utf-8", text: include_str!("page/index.html") };
pub(crate) const STYLE: Asset = Asset { media_type: "text/css; charset=utf-8", text: include_str!("page/page.css") };
pub(crate) const SCRIPT: Asset =
    Asset { media_type: "text/javascript; charset=utf-8", text: include_str!("page/page.js") };
pub(crate) const ICON: Asset = Asset { media_type: "image/svg+xml", text: include_str!("page/icon.svg") };

/// Everything from this server and nothing from anywhere else: no inline script or style, no framing, no forms.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Asset {
    /// The file as an answer.
    ///
    /// # Errors
    ///
    /// None; the type is what handlers return.
    pub(crate) fn answer(self) -> Answer {
        let mut response = Response::new(Body::full(Bytes::from_static(self.text.as_bytes())));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        // The files change with the program, and they are small.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_keeps_to_its_own_policy() {
        let page = PAGE.text;
        for inline in ["<style", " style=", "<script>", " onclick=", " onload=", "javascript:", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!SCRIPT.text.contains(markup), "{markup}");
        }
    }

    #[test]
    fn every_element_that_the_script_asks_for_is_on_the_page() {
        for part in SCRIPT.text.split("$(\"").skip(1) {
            let id = part.split('"').next().unwrap();
            assert!(PAGE.text.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }

    #[test]
    fn the_page_may_not_be_framed_or_load_anything_foreign() {
        let response = PAGE.answer().unwrap();
        assert!(response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self';"));
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
