#[cfg(feature = "http")]
use crate::breaker::BodyHold;
use std::fmt;

/// The permit of a call whose answer is judged at the end of its body: carried by the body, told how it ends.
///
/// Dropped before, it is judged by how long nothing has come: a body that is given up while it flows says nothing, one
/// that has hung for longer than `abandon_after` is a failure.
#[must_use = "a watch that is dropped at once gives the call up"]
pub struct Watch {
    #[cfg(feature = "http")]
    permit: BodyHold,
    #[cfg(feature = "http")]
    end: crate::classify::AtEnd,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Watch");
        #[cfg(feature = "http")]
        debug.field("permit", &self.permit);
        debug.finish_non_exhaustive()
    }
}

#[cfg(feature = "http")]
mod http_body_impl {
    use super::Watch;
    use crate::breaker::BodyHold;
    use crate::classify::{AtEnd, EndOfBody};
    use bytes::Bytes;
    use http::HeaderMap;
    use http_body::{Body, Frame, SizeHint};
    use pin_project::pin_project;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    impl Watch {
        pub(in crate::layer) fn new(permit: BodyHold, end: AtEnd) -> Self {
            Self { permit, end }
        }

        /// The body came to its end, with trailers if it had any.
        pub fn complete(mut self, trailers: Option<&HeaderMap>) {
            self.permit.record(self.end.judge(EndOfBody::Complete(trailers)));
        }

        /// The body broke off with an error.
        pub fn failed(mut self) {
            self.permit.record(self.end.judge(EndOfBody::Failed));
        }
    }

    /// The body of an answer that passed a breaker, or of its refusal.
    ///
    /// Bytes, trailers and size hints pass unchanged.
    #[pin_project]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }

    #[pin_project(project = KindProjection)]
    enum Kind<B> {
        Upstream {
            #[pin]
            body: B,
            watch: Option<Watch>,
        },
        Refusal {
            left: Option<Bytes>,
        },
    }

    impl<B> ResponseBody<B> {
        pub(crate) fn upstream(body: B) -> Self {
            Self { kind: Kind::Upstream { body, watch: None } }
        }

        pub(crate) fn watched(body: B, watch: Watch) -> Self
        where
            B: Body,
        {
            if body.is_end_stream() {
                // Nobody reads a body that is over from the start.
                watch.complete(None);
                return Self::upstream(body);
            }
            Self { kind: Kind::Upstream { body, watch: Some(watch) } }
        }

        pub(crate) fn refusal(body: Bytes) -> Self {
            Self { kind: Kind::Refusal { left: Some(body) } }
        }

        pub(crate) fn empty() -> Self {
            Self { kind: Kind::Refusal { left: None } }
        }

        /// Whether this is the body of a refusal, not one of the upstream's.
        #[must_use]
        pub const fn is_refusal(&self) -> bool {
            matches!(self.kind, Kind::Refusal { .. })
        }
    }

    impl<B> Body for ResponseBody<B>
    where
        B: Body,
        B::Data: From<Bytes>,
    {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            let (mut body, watch) = match self.project().kind.project() {
                KindProjection::Upstream { body, watch } => (body, watch),
                KindProjection::Refusal { left } => {
                    return Poll::Ready(left.take().map(|bytes| Ok(Frame::data(bytes.into()))));
                }
            };
            let Some(carried) = watch else { return body.poll_frame(cx) };
            let frame = match carried.permit.guard(|| body.as_mut().poll_frame(cx)) {
                Poll::Pending => {
                    carried.permit.waits();
                    return Poll::Pending;
                }
                Poll::Ready(frame) => frame,
            };
            // Something came: how long nothing has come counts anew.
            carried.permit.flows();
            let trailers = match &frame {
                Some(Ok(frame)) => frame.trailers_ref(),
                Some(Err(_)) | None => None,
            };
            // A reader may stop where the body says that it is over, so the end is not waited for then.
            let over = frame.is_none() || trailers.is_some() || body.is_end_stream();
            match (watch.take_if(|_| over || matches!(frame, Some(Err(_)))), &frame) {
                (Some(watch), Some(Err(_))) => watch.failed(),
                (Some(watch), _) => watch.complete(trailers),
                (None, _) => {}
            }
            Poll::Ready(frame)
        }

        fn is_end_stream(&self) -> bool {
            match &self.kind {
                Kind::Upstream { body, .. } => body.is_end_stream(),
                Kind::Refusal { left } => left.is_none(),
            }
        }

        fn size_hint(&self) -> SizeHint {
            match &self.kind {
                Kind::Upstream { body, .. } => body.size_hint(),
                Kind::Refusal { left } => SizeHint::with_exact(left.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            }
        }
    }

    impl<B> fmt::Debug for ResponseBody<B> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (kind, watched) = match &self.kind {
                Kind::Upstream { watch, .. } => ("upstream", watch.is_some()),
                Kind::Refusal { .. } => ("refusal", false),
            };
            f.debug_struct("ResponseBody").field("kind", &kind).field("watched", &watched).finish_non_exhaustive()
        }
    }
}

#[cfg(feature = "http")]
pub use http_body_impl::ResponseBody;
