//! The web page's session: a random secret in a cookie that scripts cannot read and other sites cannot send.

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use fonoteca_accounts::{Secret, User};

use crate::app::App;

const COOKIE_NAME: &str = "fonoteca_session";
/// Longer than any session secret; a longer cookie is nobody's.
const MAX_SECRET_BYTES: usize = 128;

/// The secret in a request's cookie.
pub(crate) fn secret(headers: &HeaderMap) -> Option<Secret> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, text) = pairs.find(|(name, text)| *name == COOKIE_NAME && text.len() <= MAX_SECRET_BYTES)?;
    Some(Secret::new(text))
}

/// The `Set-Cookie` that begins a session.
pub(crate) fn cookie(app: &App, secret: &Secret) -> HeaderValue {
    set_cookie(app, secret.expose(), app.options.session_ttl.as_secs())
}

/// The `Set-Cookie` that ends one.
pub(crate) fn no_cookie(app: &App) -> HeaderValue {
    set_cookie(app, "", 0)
}

fn set_cookie(app: &App, text: &str, seconds: u64) -> HeaderValue {
    let secure = app.options.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={text}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::from_str(&cookie).expect("a secret in base64 is a header value");
    value.set_sensitive(true);
    value
}

/// Whether a form was sent from this very site. `SameSite=Lax` keeps the cookie away from foreign forms; this also keeps
/// them from logging somebody in as somebody else.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = get("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (headers.get(ORIGIN).and_then(|value| value.to_str().ok()), get("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        // Neither header: no browser, so nobody whose cookies could be abused.
        (None, _) => true,
        (Some(_), None) => false,
    }
}

/// The user of a request to the web page; without one the answer is the login form.
pub(crate) struct SessionUser(pub(crate) User);

impl FromRequestParts<App> for SessionUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let user = match secret(&parts.headers) {
            Some(secret) => app.accounts.check_session(&secret, app.now()).await,
            None => Ok(None),
        };
        match user {
            Ok(Some(user)) => Ok(Self(user)),
            Ok(None) if parts.headers.contains_key("x-fragment") => Err(StatusCode::UNAUTHORIZED.into_response()),
            Ok(None) => Err(Redirect::to("/login").into_response()),
            Err(error) => Err(app.internal("reading a session", &error).into_response()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let find = |cookies: &[_]| secret(&headers(cookies));
        assert_eq!(find(&[("cookie", "a=b; fonoteca_session=xyz; c=d")]), Some(Secret::new("xyz")));
        assert_eq!(find(&[("cookie", "a=b"), ("cookie", "fonoteca_session=xyz")]), Some(Secret::new("xyz")));
        assert_eq!(find(&[("cookie", "xfonoteca_session=xyz; fonoteca_session")]), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn forms_of_other_sites_are_known() {
        for (given, here) in [
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://other")][..], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://localhost:4747"), ("host", "localhost:4747")], true),
            (&[("origin", "http://localhost:4748"), ("host", "localhost:4747")], false),
            (&[("origin", "null"), ("host", "localhost:4747")], false),
            (&[("host", "localhost:4747")], true),
        ] {
            assert_eq!(is_from_here(&headers(given)), here, "{given:?}");
        }
    }
}
