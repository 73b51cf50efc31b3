//! What a server listens on, and what it gets from there.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Where connections come from: TCP, or any other network, such as a simulated one.
pub trait Listen: Send + 'static {
    /// A connection.
    type Socket: Socket;

    /// The next connection, and who is at its other end.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Socket, SocketAddr)>> + Send;

    /// The address that was bound.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// One end of a connection.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Has everything sent at once: answers are written whole, and waiting for more to send with them only delays them.
    ///
    /// # Errors
    ///
    /// If that cannot be had; the connection works all the same.
    fn send_at_once(&self) -> io::Result<()>;

    /// Makes the end of the connection a reset, when the socket is dropped.
    ///
    /// # Errors
    ///
    /// If that cannot be had.
    fn reset_when_dropped(&self) -> io::Result<()>;
}

impl Listen for TcpListener {
    type Socket = TcpStream;

    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        Self::accept(self)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl Socket for TcpStream {
    fn send_at_once(&self) -> io::Result<()> {
        self.set_nodelay(true)
    }

    fn reset_when_dropped(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}
