//! The login form, and leaving.

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::{Html, IntoResponse, Redirect};
use fonoteca_accounts::Secret;
use serde::Deserialize;

use crate::app::{App, ClientAddress};
use crate::auth::session;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    archive: &'a str,
    name: &'a str,
    message: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: String,
}

pub(super) async fn form(State(app): State<App>) -> Response<Body> {
    page(&app, StatusCode::OK, "", None)
}

pub(super) async fn log_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response<Body> {
    if !session::is_from_here(&headers) {
        return page(&app, StatusCode::FORBIDDEN, "", Some("The form was sent from another site.".into()));
    }
    let name = form.name.trim();
    if let Err(throttled) = app.may_log_in(address, name) {
        let message = format!("Sorry, {}.", throttled.message());
        let mut response = page(&app, StatusCode::TOO_MANY_REQUESTS, name, Some(message));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(throttled.seconds));
        return response;
    }
    let user = match app.accounts.check_password(name, &Secret::new(form.password)).await {
        Ok(user) => user,
        Err(error) => return app.internal("checking a password", &error).into_response(),
    };
    app.note_login(address, name, user.is_some());
    let Some(user) = user else {
        return page(&app, StatusCode::UNAUTHORIZED, name, Some("Wrong name or password.".into()));
    };
    match app.accounts.new_session(&user, app.now(), app.options.session_ttl).await {
        Ok(secret) => ([(SET_COOKIE, session::cookie(&app, &secret))], Redirect::to("/")).into_response(),
        Err(error) => app.internal("beginning a session", &error).into_response(),
    }
}

pub(super) async fn log_out(State(app): State<App>, headers: HeaderMap) -> Response<Body> {
    if !session::is_from_here(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Some(secret) = session::secret(&headers)
        && let Err(error) = app.accounts.end_session(&secret).await
    {
        return app.internal("ending a session", &error).into_response();
    }
    ([(SET_COOKIE, session::no_cookie(&app))], Redirect::to("/login")).into_response()
}

fn page(app: &App, status: StatusCode, name: &str, message: Option<String>) -> Response<Body> {
    match (LoginPage { archive: app.archive.name(), name, message }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => app.internal("rendering the login form", &error).into_response(),
    }
}
