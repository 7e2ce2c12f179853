//! Programs log in with an API key: `Authorization: Bearer KEY` (RFC 6750, section 2.1).

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fonoteca_accounts::{Secret, User};

use crate::app::{App, ClientAddress};

/// Longer than any key; what is longer is nobody's.
const MAX_KEY_BYTES: usize = 128;

/// The user of a request with an API key.
pub(crate) struct KeyUser(pub(crate) User);

impl FromRequestParts<App> for KeyUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let ClientAddress(address) =
            ClientAddress::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let Some(key) = key(&parts.headers) else { return Err(unauthorised("log in with an API key")) };
        app.may_log_in(address, "").map_err(|throttled| {
            let mut response = (StatusCode::TOO_MANY_REQUESTS, throttled.message() + "\n").into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(throttled.seconds));
            response
        })?;
        let user = app.accounts.check_api_key(&key, app.now()).await;
        let user = user.map_err(|error| app.internal("checking an API key", &error).into_response())?;
        app.note_login(address, "", user.is_some());
        user.map(Self).ok_or_else(|| unauthorised("invalid API key"))
    }
}

fn key(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let is_key = scheme.eq_ignore_ascii_case("bearer") && key.len() <= MAX_KEY_BYTES;
    is_key.then(|| Secret::new(key.trim()))
}

fn unauthorised(message: &str) -> Response {
    let mut response = (StatusCode::UNAUTHORIZED, format!("{message}\n")).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_behind_the_word_bearer() {
        let find = |text: &'static str| key(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(text))]));
        assert_eq!(find("Bearer abc"), Some(Secret::new("abc")));
        assert_eq!(find("bearer abc"), Some(Secret::new("abc")));
        for other in ["Basic abc", "abc", "Bearer", ""] {
            assert_eq!(find(other), None, "{other}");
        }
        assert_eq!(key(&HeaderMap::new()), None);
    }
}
