//! `getOpenSubsonicExtensions`, `getLicense`, `tokenInfo`, `getUser`.

use fonoteca_accounts::{Role, User, name_key};

use super::Call;
use super::node::Node;
use super::reply::{ErrorCode, Failure};

/// What this server does beyond Subsonic, by OpenSubsonic's names.
pub(super) fn extensions() -> Node {
    let extension = |name: &str| Node::new().with("name", name).scalars("versions", [1_i64]);
    Node::new().many(
        "openSubsonicExtensions",
        ["apiKeyAuthentication", "formPost", "songLyrics", "transcodeOffset"].map(extension),
    )
}

/// Clients ask whether the server was paid for.
pub(super) fn license() -> Node {
    Node::new().one("license", Node::new().with("valid", true))
}

/// Whose API key this is.
pub(super) fn token_info(call: &Call) -> Node {
    Node::new().one("tokenInfo", Node::new().with("username", call.user.name.as_str()))
}

/// What a user may do: oneself, or anybody for the owner.
pub(super) async fn user(call: &Call) -> Result<Node, Failure> {
    let name = call.params.get("username").unwrap_or(&call.user.name);
    if name_key(name) == name_key(&call.user.name) {
        return Ok(described(&call.user));
    }
    if call.user.role != Role::Owner {
        return Err(Failure::new(ErrorCode::NotAuthorised, "only the owner may ask about others"));
    }
    let found = call.app.accounts.user(name).await.map_err(|error| call.app.internal("looking up a user", &error))?;
    found.as_ref().map(described).ok_or_else(|| Failure::not_found("user"))
}

fn described(user: &User) -> Node {
    let owner = user.role == Role::Owner;
    let mut node = Node::new().with("username", user.name.as_str()).with("scrobblingEnabled", true);
    for (role, granted) in [
        ("adminRole", owner),
        ("settingsRole", false),
        ("downloadRole", true),
        ("uploadRole", false),
        ("playlistRole", false),
        ("coverArtRole", false),
        ("commentRole", false),
        ("podcastRole", false),
        ("streamRole", true),
        ("jukeboxRole", false),
        ("shareRole", false),
        ("videoConversionRole", false),
    ] {
        node = node.with(role, granted);
    }
    Node::new().one("user", node.scalars("folder", [1_i64]))
}
