//! Carrying out what a plan has decided.

use std::future::Future;

use futures::{StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::sleep;

use super::RouteName;
use super::plan::{Act, Decision, FaultPlan};
use crate::http::serve::{Sever, Wire};
use crate::http::{Answer, Body, BoxError, Problem};

/// Answers a request as the plan says; `handler` does the work if the plan lets it.
pub(in crate::event_api) async fn act(
    plan: &FaultPlan,
    route: RouteName,
    wire: Option<Wire>,
    handler: impl Future<Output = Answer>,
) -> Answer {
    let Decision { delay, act } = plan.decide(route);
    if !delay.is_zero() {
        sleep(delay).await;
    }
    match act {
        Act::Serve => handler.await,
        Act::Refuse { status, retry_after } => {
            let problem = Problem::new(status).detail("The service does not answer this request, on purpose.");
            Err(retry_after.into_iter().fold(problem, Problem::retry_after))
        }
        Act::Hang => {
            plan.released().await;
            sever(wire, Sever::Close).await
        }
        Act::Sever(how) => sever(wire, how).await,
        Act::CutBody => cut(handler.await?).await,
    }
}

async fn sever(wire: Option<Wire>, how: Sever) -> Answer {
    match wire {
        Some(wire) => match wire.sever(how).await {},
        // A call from within the program has no connection to break.
        None => Err(Problem::internal()),
    }
}

/// Announces the whole body and sends half of it.
async fn cut(answer: Response<Body>) -> Answer {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map_err(|_| Problem::internal())?.to_bytes();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let first = stream::once(async move { Ok(Frame::data(half)) });
    let then = stream::once(async {
        // The error makes hyper drop what it has not yet sent; so it is given the time to send.
        tokio::task::yield_now().await;
        Err::<_, BoxError>("cut on purpose".into())
    });
    Ok(Response::from_parts(head, Body::stream(StreamBody::new(first.chain(then)))))
}
