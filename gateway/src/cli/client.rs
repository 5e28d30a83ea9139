//! The client's side of the admin API.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use super::CliError;
use crate::api::{Failure, List, Page, Row};

/// Longer than the gateway takes to say that it cannot answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection to a running gateway.
pub(super) struct Client {
    socket: PathBuf,
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects to the gateway that listens at `socket`.
    pub(super) fn connect(socket: &Path) -> Result<Self, CliError> {
        let socket = socket.to_owned();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let stream = runtime
            .block_on(UnixStream::connect(&socket))
            .map_err(|source| CliError::NoGateway { socket: socket.clone(), source })?;
        let (sender, connection) = runtime
            .block_on(http1::handshake(TokioIo::new(stream)))
            .map_err(|error| no_answer(&socket, &error))?;
        // What breaks the connection is reported to the one who waits for the answer.
        runtime.spawn(async { drop(connection.await) });
        Ok(Self { socket, runtime, sender })
    }

    /// Asks for a path of `/v1`.
    pub(super) fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, CliError> {
        self.request(Method::GET, path, Vec::new())
    }

    /// Asks for a path of `/v1` with parameters.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, CliError> {
        let query = self.encode(query)?;
        self.get(&format!("{path}?{query}"))
    }

    /// Has the gateway do something.
    pub(super) fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        query: &impl Serialize,
        body: Vec<u8>,
    ) -> Result<T, CliError> {
        let query = self.encode(query)?;
        self.request(Method::POST, &format!("{path}?{query}"), body)
    }

    /// Gives every page of a list to `each`, in order.
    pub(super) fn pages<R: Row>(
        &mut self,
        filter: &R::Filter,
        limit: usize,
        mut each: impl FnMut(Vec<R>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut next = Some(0);
        while let Some(offset) = next {
            let list = self.page(filter, Page { offset, limit })?;
            next = list.next;
            each(list.rows)?;
        }
        Ok(())
    }

    /// One page of a list.
    pub(super) fn page<R: Row>(&mut self, filter: &R::Filter, page: Page) -> Result<List<R>, CliError> {
        let (page, filter) = (self.encode(&page)?, self.encode(filter)?);
        self.get(&format!("{}?{page}&{filter}", R::path()))
    }

    /// An answer of the gateway that makes no sense.
    pub(super) fn no_answer(&self, reason: &dyn Display) -> CliError {
        no_answer(&self.socket, reason)
    }

    fn encode(&self, parameters: &impl Serialize) -> Result<String, CliError> {
        serde_urlencoded::to_string(parameters).map_err(|error| self.no_answer(&error))
    }

    fn request<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, CliError> {
        let Self { socket, runtime, sender } = self;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "nvgw")
            .body(Full::from(body))
            .map_err(|error| no_answer(socket, &error))?;
        let exchange = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        let (status, body) = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, exchange).await })
            .map_err(|error| no_answer(socket, &error))?
            .map_err(|error| no_answer(socket, &error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| no_answer(socket, &error));
        }
        match serde_json::from_slice::<Failure>(&body) {
            Ok(failure) => Err(CliError::Refused(failure.error)),
            Err(_) => Err(no_answer(socket, &format_args!("HTTP status {status}"))),
        }
    }
}

fn no_answer(socket: &Path, reason: &dyn Display) -> CliError {
    CliError::NoAnswer { socket: socket.to_owned(), reason: reason.to_string() }
}
