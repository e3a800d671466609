//! The region's API server: EC2's query API and EC2 Instance Connect's JSON API.

mod ec2;
mod form;
mod instance_connect;
mod instances;
mod page;
mod xml;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::credentials::request_id;
use crate::sigv4;
use crate::state::State;

/// The most bytes that a request may have.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// How long a client may take for the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// Serves one client's connection until its end.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    state: Arc<State>,
) {
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { answer(&state, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "API connection ended");
    }
}

/// An answer before it is made an HTTP response.
#[derive(Debug)]
struct Reply {
    status: u16,
    content_type: &'static str,
    body: String,
}

/// A call, received whole.
struct Call<'a> {
    request: sigv4::Request<'a>,
    id: &'a str,
    now: SystemTime,
}

async fn answer(state: &State, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_LIMIT)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let id = request_id();
    let request = sigv4::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let call = Call {
        request,
        id: &id,
        now: SystemTime::now(),
    };
    let reply = match head.headers.get("x-amz-target") {
        Some(target) => {
            instance_connect::answer(state, &call, &String::from_utf8_lossy(target.as_bytes()))
        }
        None => ec2::answer(state, &call),
    };
    tracing::debug!(id, status = reply.status, "API call answered");
    Ok(respond(reply, &id))
}

fn respond(reply: Reply, id: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
