//! The endpoint's WebSocket as a byte stream.

mod config;
mod dial;
mod error;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod http1;
#[cfg(any(test, fuzzing))]
mod script;
mod upgrade;

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

pub use config::TunnelConfig;
pub use error::TunnelError;

use crate::presign::SignedUrl;
use dial::{Host, Secured};

/// The most bytes in a frame that is sent, as with AWS CLI.
const MAX_SENT: usize = 65_000;

/// A byte stream to a port of an instance, through an EC2 Instance Connect Endpoint.
///
/// - There is no half-close (RFC 6455 §5.5.1): `shutdown` says that this side has finished, what the instance had
///   sent before can still be read, and then both directions end.
/// - The end of the stream is the endpoint's Close frame with code 1000. A Close frame with another code, and a
///   connection cut off without one, are errors of which [`std::io::Error::get_ref`] gives the [`TunnelError`].
/// - Pings are answered while the stream is read. There is no task behind it: dropping it cuts the connection.
///
/// ```no_run
/// use eic_auth::{Roots, SignedUrl, Tunnel, TunnelConfig};
/// use tokio::io::AsyncReadExt;
///
/// # async fn example(url: SignedUrl) -> Result<(), Box<dyn std::error::Error>> {
/// let config = TunnelConfig::new(&Roots::system())?;
/// let mut tunnel = Tunnel::open(&url, &config).await?;
/// let mut greeting = [0; 8];
/// tunnel.read_exact(&mut greeting).await?;
/// assert_eq!(&greeting, b"SSH-2.0-");
/// # Ok(())
/// # }
/// ```
pub struct Tunnel {
    socket: WebSocketStream<Secured>,
    received: Bytes,
    end: Option<End>,
    close_timeout: Duration,
    /// Set once this side has finished: until when the endpoint may be silent.
    closing: Option<Pin<Box<Sleep>>>,
}

/// How a tunnel ended.
#[derive(Debug, Clone)]
enum End {
    Finished,
    Closed { code: Option<u16>, reason: String },
    Protocol { reason: String },
    Silent { limit: Duration },
}

impl Tunnel {
    /// Opens a tunnel with a URL from [`presign`](crate::presign).
    ///
    /// # Errors
    /// A [`TunnelError`] that names the step that failed. No step waits longer than the config allows.
    pub async fn open(url: &SignedUrl, config: &TunnelConfig) -> Result<Self, TunnelError> {
        let (uri, host) = parse(url)?;
        let stream = dial::dial(&uri, &host, config).await?;
        let socket = upgrade::upgrade(stream, &uri, &host, config).await?;
        tracing::debug!(%host, "tunnel open");
        Ok(Self {
            socket,
            received: Bytes::new(),
            end: None,
            closing: None,
            close_timeout: config.close_timeout,
        })
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while this.received.is_empty() {
            if let Some(end) = &this.end {
                return Poll::Ready(end.of_reading());
            }
            let Poll::Ready(message) = this.socket.poll_next_unpin(cx) else {
                return this.poll_silence(cx);
            };
            this.take(message, cx);
        }
        let part = this
            .received
            .split_to(this.received.len().min(buf.remaining()));
        buf.put_slice(&part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(error) = this.write_error() {
            return Poll::Ready(Err(error));
        }
        let part = buf.get(..MAX_SENT).unwrap_or(buf);
        if part.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Waits until the frame before this one has left the buffer, which so never holds more than one.
        ready!(this.socket.poll_ready_unpin(cx)).map_err(|error| this.fail(error))?;
        let frame = Message::Binary(Bytes::copy_from_slice(part));
        this.socket
            .start_send_unpin(frame)
            .map_err(|error| this.fail(error))?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        this.socket
            .poll_flush_unpin(cx)
            .map_err(|error| this.fail(error))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        if this.closing.is_none() {
            ready!(this.socket.poll_ready_unpin(cx)).map_err(|error| this.fail(error))?;
            let close = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            this.socket
                .start_send_unpin(Message::Close(Some(close)))
                .map_err(|error| this.fail(error))?;
            this.closing = Some(Box::pin(tokio::time::sleep(this.close_timeout)));
        }
        this.socket
            .poll_flush_unpin(cx)
            .map_err(|error| this.fail(error))
    }
}

impl Tunnel {
    /// Takes what the socket gave: data to hand out, or the end.
    fn take(&mut self, message: Option<tungstenite::Result<Message>>, cx: &mut Context<'_>) {
        if let Some(deadline) = &mut self.closing {
            deadline.as_mut().reset(Instant::now() + self.close_timeout);
        }
        match message {
            Some(Ok(Message::Binary(data))) => self.received = data,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Text(_))) => {
                self.end = Some(End::Protocol {
                    reason: "a text frame".to_owned(),
                });
            }
            Some(Ok(Message::Close(frame))) => {
                self.end = Some(End::of_close(frame));
                // Sends the answering Close frame, which tungstenite does when it is read from again.
                let _ = self.socket.poll_next_unpin(cx);
            }
            Some(Err(error)) => self.end = Some(End::of_error(error, self.closing.is_some())),
            None => self.end = Some(End::Finished),
        }
    }

    /// With nothing to read: waits, but not for ever once this side has finished.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(deadline) = &mut self.closing else {
            return Poll::Pending;
        };
        ready!(deadline.as_mut().poll(cx));
        let end = self.end.insert(End::Silent {
            limit: self.close_timeout,
        });
        Poll::Ready(end.of_reading())
    }

    fn write_error(&self) -> Option<io::Error> {
        match &self.end {
            Some(end) => Some(end.of_writing()),
            None if self.closing.is_some() => Some(ErrorKind::BrokenPipe.into()),
            None => None,
        }
    }

    /// The error of a failed write. Reading goes on, since a Close frame with the cause may have come before.
    fn fail(&self, error: tungstenite::Error) -> io::Error {
        End::of_error(error, false).of_writing()
    }
}

impl End {
    fn of_close(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) if frame.code != CloseCode::Normal => Self::Closed {
                code: Some(frame.code.into()),
                reason: frame.reason.as_str().to_owned(),
            },
            _ => Self::Finished,
        }
    }

    fn of_error(error: tungstenite::Error, closing: bool) -> Self {
        use tungstenite::error::{Error, ProtocolError};
        match error {
            // Who was told that we have finished may just hang up.
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) if closing => {
                Self::Finished
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Self::cut_off("it ended without a Close frame")
            }
            Error::Io(error) if closing && error.kind() == ErrorKind::UnexpectedEof => {
                Self::Finished
            }
            // rustls' words for it are advice to programmers.
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::cut_off(""),
            Error::Io(error) => Self::cut_off(&error.to_string()),
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Finished,
            error => Self::Protocol {
                reason: error.to_string(),
            },
        }
    }

    fn cut_off(reason: &str) -> Self {
        Self::Closed {
            code: None,
            reason: reason.to_owned(),
        }
    }

    fn of_reading(&self) -> io::Result<()> {
        match self {
            Self::Finished => Ok(()),
            _ => Err(self.of_writing()),
        }
    }

    fn of_writing(&self) -> io::Error {
        match self.clone() {
            Self::Finished => ErrorKind::BrokenPipe.into(),
            Self::Closed { code, reason } => io::Error::new(
                ErrorKind::ConnectionReset,
                TunnelError::Closed { code, reason },
            ),
            Self::Protocol { reason } => {
                io::Error::new(ErrorKind::InvalidData, TunnelError::Protocol { reason })
            }
            Self::Silent { limit } => io::Error::new(
                ErrorKind::TimedOut,
                TunnelError::Timeout {
                    step: "closing the tunnel",
                    limit,
                },
            ),
        }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

fn parse(url: &SignedUrl) -> Result<(Uri, Host), TunnelError> {
    let fault = |fault| TunnelError::Url { fault };
    let uri: Uri = url.as_str().parse().map_err(|_| fault("it is no URL"))?;
    if uri.scheme_str() != Some("wss") {
        return Err(fault("it does not start with wss://"));
    }
    let host = Host::of(&uri, 443).ok_or_else(|| fault("it has no host"))?;
    Ok((uri, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::error::{Error, ProtocolError};

    #[test]
    fn ends() {
        let close = |code: u16| CloseFrame {
            code: code.into(),
            reason: "why".into(),
        };
        let io = |kind: ErrorKind| Error::Io(kind.into());
        let no_close = || Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
        for (end, reading, writing) in [
            (End::of_close(None), None, ErrorKind::BrokenPipe),
            (
                End::of_close(Some(close(1000))),
                None,
                ErrorKind::BrokenPipe,
            ),
            (
                End::of_close(Some(close(1001))),
                Some(ErrorKind::ConnectionReset),
                ErrorKind::ConnectionReset,
            ),
            (
                End::of_close(Some(close(4000))),
                Some(ErrorKind::ConnectionReset),
                ErrorKind::ConnectionReset,
            ),
            (
                End::of_error(no_close(), false),
                Some(ErrorKind::ConnectionReset),
                ErrorKind::ConnectionReset,
            ),
            (End::of_error(no_close(), true), None, ErrorKind::BrokenPipe),
            (
                End::of_error(io(ErrorKind::UnexpectedEof), true),
                None,
                ErrorKind::BrokenPipe,
            ),
            (
                End::of_error(io(ErrorKind::TimedOut), true),
                Some(ErrorKind::ConnectionReset),
                ErrorKind::ConnectionReset,
            ),
            (
                End::of_error(Error::AlreadyClosed, false),
                None,
                ErrorKind::BrokenPipe,
            ),
            (
                End::of_error(Error::AttackAttempt, false),
                Some(ErrorKind::InvalidData),
                ErrorKind::InvalidData,
            ),
        ] {
            assert_eq!(
                end.of_reading().err().map(|error| error.kind()),
                reading,
                "{end:?}"
            );
            assert_eq!(end.of_writing().kind(), writing, "{end:?}");
        }
    }

    #[test]
    fn a_tunnel_can_be_moved_to_a_task() {
        fn can_be_moved<T: Send + Sync + Unpin + 'static>() {}
        can_be_moved::<Tunnel>();
    }
}
