//! The way from the server to the control thread, and the patience with its answers.

use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use super::view::VersionView;
use super::{ApiError, ApiOptions, ErrorKind, Request, Responder};

/// The way to the control thread.
#[derive(Debug, Clone)]
pub(super) struct Control {
    requests: Sender<Request>,
    version: Arc<VersionView>,
    answer_within: Duration,
    work_within: Duration,
}

impl Control {
    pub(super) fn new(options: ApiOptions, requests: Sender<Request>) -> Self {
        Self {
            requests,
            version: Arc::new(options.version),
            answer_within: options.answer_within,
            work_within: options.work_within,
        }
    }

    /// The versions that the server was told.
    pub(super) fn version(&self) -> &VersionView {
        &self.version
    }

    /// Asks what the control thread knows.
    pub(super) async fn ask<T>(&self, request: impl FnOnce(Responder<T>) -> Request) -> Result<T, ApiError> {
        self.send(self.answer_within, request).await
    }

    /// Has the control thread do something that may take its time.
    pub(super) async fn work<T>(&self, request: impl FnOnce(Responder<T>) -> Request) -> Result<T, ApiError> {
        self.send(self.work_within, request).await
    }

    /// Asks what the control thread itself waits for, so long.
    pub(super) async fn wait<T>(
        &self,
        time: Duration,
        request: impl FnOnce(Responder<T>) -> Request,
    ) -> Result<T, ApiError> {
        self.send(self.answer_within + time, request).await
    }

    async fn send<T>(
        &self,
        limit: Duration,
        request: impl FnOnce(Responder<T>) -> Request,
    ) -> Result<T, ApiError> {
        let (responder, answer) = oneshot::channel();
        self.requests.try_send(request(Responder(responder))).map_err(|error| match error {
            TrySendError::Full(_) => ApiError::new(
                ErrorKind::Unavailable,
                "the control thread has too many questions waiting",
                "ask again in a moment",
            ),
            TrySendError::Disconnected(_) => shutting_down(),
        })?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(shutting_down()),
            Err(_) => Err(ApiError::new(
                ErrorKind::Timeout,
                format!("the control thread did not answer within {limit:?}"),
                "see the gateway's log for what it does",
            )),
        }
    }
}

fn shutting_down() -> ApiError {
    ApiError::new(ErrorKind::Unavailable, "the gateway is ending", "start it again")
}
