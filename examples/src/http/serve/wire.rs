//! A handler's access to the connection below it, for services that have to misbehave on purpose.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Socket;

/// How a connection is ended in the middle of things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sever {
    /// Closed without an answer.
    Close,
    /// Reset without an answer.
    Reset,
    /// These bytes in place of an answer, then closed.
    Garbage(Bytes),
}

/// The connection that a request came on, in the extensions of every request that a [`Server`](super::Server) serves.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<Option<oneshot::Sender<Sever>>>>);

impl Wire {
    pub(super) fn new() -> (Self, oneshot::Receiver<Sever>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Ends the connection. Never returns: the caller is dropped with it.
    pub async fn sever(&self, how: Sever) -> Infallible {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The receiver is gone if the connection is, and that is what was asked for.
            sender.send(how).ok();
        }
        std::future::pending().await
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// Ends a socket as told.
pub(super) async fn sever(mut socket: impl Socket, how: Sever) {
    let done = match how {
        Sever::Close => Ok(()),
        Sever::Reset => socket.reset_when_dropped(),
        Sever::Garbage(bytes) => {
            let write = async {
                socket.write_all(&bytes).await?;
                socket.shutdown().await
            };
            // The client may not be reading; the connection ends either way.
            timeout(Duration::from_secs(1), write).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection ended before it could be severed");
    }
}
