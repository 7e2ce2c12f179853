//! Databases of every version that was ever released, never edited: this program must open them all.

use std::path::Path;

use fonoteca_accounts::{Accounts, AccountsKey, ItemKind, Secret};
use fonoteca_model::Id;

use crate::{NOW, PASSWORD};

#[tokio::test]
async fn version_1_opens() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/accounts-v1.sqlite");
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".parse::<AccountsKey>().expect("a key");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("accounts.sqlite");
    std::fs::copy(golden, &path).expect("copied");
    let accounts = Accounts::open(&path, key).await.expect("opens");

    let ana = accounts.check_password("ana", &Secret::new(PASSWORD)).await.expect("asked").expect("right");
    assert_eq!(ana.created, NOW);
    assert_eq!(accounts.app_passwords(&ana).await.expect("listed")[0].label, "phone");
    let unsealed = accounts.check_app_password("ana", &Secret::new("not it"), NOW).await.expect("the seals hold");
    assert_eq!(unsealed, None);
    assert_eq!(accounts.play_count(Id(-1)).await.expect("counted"), 1);
    assert_eq!(accounts.starred(&ana, ItemKind::Album).await.expect("listed")[0].item, Id(7));
    assert_eq!(accounts.ratings(&ana, ItemKind::Track).await.expect("listed"), [(Id(-1), 4)].into());
    let playlist = accounts.playlists(&ana).await.expect("listed").remove(0);
    let playlist = accounts.playlist(&ana, playlist.id).await.expect("asked").expect("there");
    assert_eq!((&*playlist.summary.name, &*playlist.tracks), ("Evening", &[Id(3), Id(-1), Id(3)][..]));
}
