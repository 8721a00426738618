//! The login: a token, which all requests carry.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::task::spawn_blocking;

use super::failure::Failure;
use super::files;
use super::wire::LoginAnswer;

/// A token; `None` for a store that has no logins.
pub(super) type Token = Option<Arc<str>>;

/// User, password and the present token, for all members.
#[derive(Debug)]
pub(super) struct Login {
    user: Option<(String, PathBuf)>,
    token: Mutex<Option<Token>>,
}

impl Login {
    pub(super) fn new(user: Option<(String, PathBuf)>) -> Self {
        Self { user, token: Mutex::new(None) }
    }

    /// The request of a login; `None` if the configuration has no user.
    pub(super) async fn request(&self) -> Result<Option<serde_json::Value>, Failure> {
        let Some((name, file)) = self.user.clone() else { return Ok(None) };
        // On a thread: a disk may take its time.
        let password = spawn_blocking(move || files::read_password(&file)).await;
        let password = password.map_err(|error| Failure::Connect(error.to_string()))??;
        Ok(Some(json!({ "name": name, "password": password })))
    }

    /// The present token; the outer `None` if a login has to come first.
    pub(super) fn token(&self) -> Option<Token> {
        if self.user.is_none() {
            return Some(None);
        }
        self.lock().clone()
    }

    /// Keeps the token of a login's answer.
    pub(super) fn finish(&self, answer: Result<LoginAnswer, Failure>) -> Result<Token, Failure> {
        let token = match answer {
            Ok(answer) => Some(answer.token.into()),
            // A user may be configured before the store's logins are enabled.
            Err(failure) if failure.is_without_logins() => None,
            Err(failure) => return Err(failure),
        };
        *self.lock() = Some(token.clone());
        Ok(token)
    }

    /// Drops a token that a member has refused, unless another call has replaced it. Returns whether there is a user.
    pub(super) fn forget(&self, refused: &Token) -> bool {
        let mut token = self.lock();
        if token.as_ref() == Some(refused) {
            *token = None;
        }
        self.user.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
