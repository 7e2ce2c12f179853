//! The layer rule: which crate may use which. `ARCHITECTURE.md` says why.

use crate::workspace::Package;

const TESTKIT: &str = "fonoteca-testkit";

/// The crates from the bottom up. A crate may use those of lower layers, and beside it only what it names here. One that
/// is not in this list has no place yet, and is refused.
const LAYERS: [(&str, u8, &[&str]); 13] = [
    ("fonoteca-model", 0, &[]),
    ("fonoteca-store", 1, &[]),
    ("fonoteca-catalog", 1, &[]),
    ("fonoteca-audio", 1, &[]),
    ("fonoteca-torrent", 1, &[]),
    ("fonoteca-guard", 1, &[]),
    ("fonoteca-accounts", 1, &[]),
    ("fonoteca-swarm", 1, &["fonoteca-torrent"]),
    ("fonoteca-archive", 2, &[]),
    ("fonoteca-server", 3, &[]),
    ("fonoteca", 4, &[]),
    // Tools: the first helps tests only, the second stays outside the product.
    (TESTKIT, 2, &[]),
    ("xtask", 0, &[]),
];

/// Edges that the rule does not allow.
pub fn check(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(|package| edges(package, packages)).collect()
}

fn edges(package: &Package, packages: &[Package]) -> Vec<String> {
    let manifest = format!("package {}", package.name);
    let Some((layer, beside)) = place(&package.name) else {
        return vec![format!("{manifest}: has no layer; give it one in xtask/src/tidy/layers.rs")];
    };
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let refused = package.dependencies.iter().filter(|dependency| ours(&dependency.name)).filter(|dependency| {
        if dependency.name == TESTKIT {
            return dependency.kind.as_deref() != Some("dev");
        }
        !beside.contains(&&*dependency.name) && place(&dependency.name).is_none_or(|(below, _)| below >= layer)
    });
    refused.map(|dependency| format!("{manifest}: may not use {}", dependency.name)).collect()
}

fn place(name: &str) -> Option<(u8, &'static [&'static str])> {
    LAYERS.iter().find(|(crate_name, ..)| *crate_name == name).map(|(_, layer, beside)| (*layer, *beside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn found(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let mut packages: Vec<Package> = LAYERS
            .iter()
            .map(|(name, ..)| Package {
                name: (*name).to_owned(),
                manifest_path: "Cargo.toml".into(),
                dependencies: vec![],
            })
            .collect();
        for (user, used, kind) in edges {
            let dependency = Dependency { name: (*used).to_owned(), kind: kind.map(str::to_owned) };
            packages.iter_mut().find(|package| package.name == *user).unwrap().dependencies.push(dependency);
        }
        check(&packages)
    }

    #[test]
    fn lower_layers_and_foreign_crates_may_be_used() {
        let edges = [
            ("fonoteca", "fonoteca-model", None),
            ("fonoteca-server", "fonoteca-guard", None),
            ("fonoteca-archive", "fonoteca-swarm", None),
            ("fonoteca-swarm", "fonoteca-torrent", None),
            ("fonoteca-store", "fonoteca-testkit", Some("dev")),
            ("fonoteca-store", "serde", None),
        ];
        assert_eq!(found(&edges), [""; 0]);
    }

    #[test]
    fn nothing_points_up_or_sideways() {
        for (user, used, kind) in [
            ("fonoteca-model", "fonoteca-store", None),
            ("fonoteca-store", "fonoteca-catalog", None),
            ("fonoteca-torrent", "fonoteca-swarm", None),
            ("fonoteca-archive", "fonoteca-server", None),
            ("fonoteca-audio", "fonoteca-archive", Some("dev")),
            ("fonoteca-store", "fonoteca-testkit", None),
            ("xtask", "fonoteca-model", None),
        ] {
            assert_eq!(found(&[(user, used, kind)]), [format!("package {user}: may not use {used}")]);
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        let stray = Package { name: "stray".to_owned(), manifest_path: "Cargo.toml".into(), dependencies: vec![] };
        assert_eq!(check(&[stray]), ["package stray: has no layer; give it one in xtask/src/tidy/layers.rs"]);
    }
}
