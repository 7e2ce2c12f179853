//! The parameters of a Subsonic request: from the query, and from a form in the body (OpenSubsonic's `formPost`).

use std::str::FromStr;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request};
use axum::http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;

use super::reply::{ErrorCode, Failure, Format};

/// Pairs of one request; a playlist of ten thousand tracks fits.
const MAX_PAIRS: usize = 20_000;

/// Names and values in the order in which they came; some names come many times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads both places. A body of another type than a form is left unread.
    ///
    /// A body over axum's default limit (2 MiB) is a failure.
    pub(crate) async fn read(mut request: Request) -> (Self, Option<Failure>) {
        let query = request.extract_parts::<RawQuery>().await.ok().and_then(|RawQuery(query)| query);
        let mut params = Self::default();
        params.add(query.unwrap_or_default().as_bytes());
        let form = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if form.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
            match request.extract::<Bytes, _>().await {
                Ok(body) => params.add(&body),
                Err(error) => return (params, Some(Failure::new(ErrorCode::Generic, error.body_text()))),
            }
        }
        (params, None)
    }

    fn add(&mut self, encoded: &[u8]) {
        let room = MAX_PAIRS.saturating_sub(self.0.len());
        self.0.extend(encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).take(room).map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decode(&pair[..at]), decode(pair.get(at + 1..).unwrap_or_default()))
        }));
    }

    /// The first value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::missing(name))
    }

    /// A number, or `default` where there is none.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, Failure> {
        match self.get(name) {
            None | Some("") => Ok(default),
            Some(text) => text.parse().map_err(|_| Failure::bad(name, text, "a whole number")),
        }
    }

    /// The form in which the client wants its answer.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        match self.get("f") {
            None | Some("" | "xml") => Ok(Format::Xml),
            Some("json") => Ok(Format::Json),
            // A script from here that other sites may run with a user's credentials is not worth having.
            Some(other) => Err(Failure::bad("f", other, "xml or json; jsonp is not offered")),
        }
    }
}

/// Form encoding: `+` is a space, `%` and two hex digits are a byte; what is not UTF-8 then becomes U+FFFD.
fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
pub(crate) fn params(query: &str) -> Params {
    let mut params = Params::default();
    params.add(query.as_bytes());
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_their_order() {
        let params = params("id=1&query=a+b%26c%C3%A9&&id=2&empty=&bare&bad=%zz%ff");
        assert_eq!(params.all("id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(params.get("query"), Some("a b&cé"));
        assert_eq!((params.get("empty"), params.get("bare"), params.get("none")), (Some(""), Some(""), None));
        assert_eq!(params.get("bad"), Some("%zz\u{fffd}"));
        assert_eq!(params.number("id", 0), Ok(1));
        assert_eq!((params.number("none", 7), params.number("empty", 7)), (Ok(7), Ok(7)));
        let failure = params.number::<u32>("query", 0).expect_err("no number");
        assert_eq!(failure.message, "the parameter query is \"a b&cé\"; expected a whole number");
    }

    #[test]
    fn forms_of_answers() {
        assert_eq!(params("").format(), Ok(Format::Xml));
        assert_eq!(params("f=json").format(), Ok(Format::Json));
        assert!(params("f=jsonp&callback=x").format().is_err());
    }
}
