//! Who asks: Subsonic's password and salted token, and OpenSubsonic's API key.

use std::net::IpAddr;

use fonoteca_accounts::{Secret, User};

use super::params::Params;
use super::reply::{ErrorCode, Failure};
use crate::app::App;
use crate::auth::Throttled;

/// What a request offers as proof.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    Token { user: String, token: String, salt: String },
    Password { user: String, password: Secret },
    ApiKey(Secret),
}

/// Why nobody was recognised.
#[derive(Debug)]
pub(crate) enum Unrecognised {
    /// Tell the client.
    Failure(Failure),
    /// Too many failures before; nothing was checked.
    Throttled(Throttled),
}

impl From<Failure> for Unrecognised {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The user whose credentials the parameters are.
pub(crate) async fn authenticate(app: &App, params: &Params, address: IpAddr) -> Result<User, Unrecognised> {
    let proof = parse(params)?;
    check_client(params)?;
    let name = match &proof {
        Proof::Token { user, .. } | Proof::Password { user, .. } => user,
        Proof::ApiKey(_) => "",
    };
    app.may_log_in(address, name).map_err(Unrecognised::Throttled)?;
    let (accounts, now) = (&app.accounts, app.now());
    let checked = match &proof {
        Proof::Token { user, token, salt } => accounts.check_token(user, token, salt, now).await,
        Proof::Password { user, password } => match accounts.check_app_password(user, password, now).await {
            Ok(None) => accounts.check_password(user, password).await,
            answer => answer,
        },
        Proof::ApiKey(key) => accounts.check_api_key(key, now).await,
    };
    let user = checked.map_err(|error| app.internal("checking a login", &error))?;
    app.note_login(address, name, user.is_some());
    user.ok_or_else(|| {
        let failure = if matches!(proof, Proof::ApiKey(_)) {
            Failure::new(ErrorCode::WrongApiKey, "invalid API key")
        } else {
            Failure::new(ErrorCode::WrongCredentials, "wrong username or password")
        };
        failure.into()
    })
}

fn parse(params: &Params) -> Result<Proof, Failure> {
    let get = |name| params.get(name).filter(|value: &&str| !value.is_empty());
    let conflict = |message: &str| Failure::new(ErrorCode::ConflictingAuthentication, message);
    if let Some(key) = get("apiKey") {
        if ["u", "p", "t", "s"].into_iter().any(|name| get(name).is_some()) {
            return Err(conflict("apiKey comes alone, without u, p, t or s"));
        }
        return Ok(Proof::ApiKey(Secret::new(key)));
    }
    let user = get("u").ok_or_else(|| Failure::missing("u"))?.to_owned();
    match (get("t"), get("p")) {
        (Some(_), Some(_)) => Err(conflict("either t and s, or p")),
        (Some(token), None) => {
            let salt = get("s").ok_or_else(|| Failure::missing("s"))?.to_owned();
            Ok(Proof::Token { user, token: token.to_owned(), salt })
        }
        (None, Some(password)) => Ok(Proof::Password { user, password: plain(password) }),
        (None, None) => Err(Failure::missing("t")),
    }
}

/// `enc:` and hex hide a password from whoever looks over a shoulder; what is no hex after all is the password itself.
fn plain(password: &str) -> Secret {
    let decoded = password.strip_prefix("enc:").and_then(|digits| hex::decode(digits).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    Secret::new(text.unwrap_or_else(|| password.to_owned()))
}

/// The parameters by which a client says what it is.
fn check_client(params: &Params) -> Result<(), Failure> {
    params.required("c")?;
    let version = params.required("v")?;
    let major: u32 = match version.split('.').next().map(str::parse) {
        Some(Ok(major)) => major,
        _ => return Err(Failure::bad("v", version, "a version such as 1.16.1")),
    };
    match major {
        0 => Err(Failure::new(ErrorCode::ClientTooOld, "this server speaks version 1.16.1; update the client")),
        1 => Ok(()),
        _ => Err(Failure::new(ErrorCode::ServerTooOld, "this server speaks version 1.16.1, the client a later one")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::params::params;
    use super::*;

    fn code(query: &str) -> ErrorCode {
        parse(&params(query)).expect_err("refused").code
    }

    #[test]
    fn proofs_in_every_form() {
        let ana = "ana".to_owned();
        let token = Proof::Token { user: ana.clone(), token: "ab".into(), salt: "cd".into() };
        assert_eq!(parse(&params("u=ana&t=ab&s=cd")), Ok(token));
        let sesame = Proof::Password { user: ana, password: Secret::new("sesame") };
        assert_eq!(parse(&params("u=ana&p=sesame")), Ok(sesame.clone()));
        // The example of the Subsonic documentation.
        assert_eq!(parse(&params("u=ana&p=enc:736573616d65")), Ok(sesame));
        assert_eq!(parse(&params("apiKey=k")), Ok(Proof::ApiKey(Secret::new("k"))));
        assert_eq!(plain("enc:zz"), Secret::new("enc:zz"));
    }

    #[test]
    fn proofs_that_are_none() {
        assert_eq!(code(""), ErrorCode::MissingParameter);
        assert_eq!(code("u=ana"), ErrorCode::MissingParameter);
        assert_eq!(code("u=ana&t=ab"), ErrorCode::MissingParameter);
        assert_eq!(code("t=ab&s=cd"), ErrorCode::MissingParameter);
        assert_eq!(code("apiKey=k&u=ana"), ErrorCode::ConflictingAuthentication);
        assert_eq!(code("u=ana&p=x&t=ab&s=cd"), ErrorCode::ConflictingAuthentication);
    }

    #[test]
    fn clients_of_other_times() {
        let code = |query| check_client(&params(query)).map_err(|failure| failure.code);
        assert_eq!(code("c=x&v=1.8.0"), Ok(()));
        assert_eq!(code("c=x&v=1.99"), Ok(()), "servers of the first version differ in what they lack, not in form");
        assert_eq!(code("c=x&v=0.9"), Err(ErrorCode::ClientTooOld));
        assert_eq!(code("c=x&v=2.0.0"), Err(ErrorCode::ServerTooOld));
        assert_eq!(code("c=x&v=new"), Err(ErrorCode::Generic));
        assert_eq!(code("v=1.16.1"), Err(ErrorCode::MissingParameter));
        assert_eq!(code("c=x"), Err(ErrorCode::MissingParameter));
    }
}
