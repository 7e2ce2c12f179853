//! What people read: whole outputs on the sample, as they look.

use crate::world::World;

#[test]
fn tables_read_well() {
    let world = World::with_sample();
    let mut page = String::new();
    for args in [
        &["stats"][..],
        &["search", "scarborough"],
        &["search", "a", "--kind", "track", "--limit", "20"],
        &["lookup", "ZZFN22100002"],
        &["release", "plan"],
        &["release", "list"],
        &["mirror", "status"],
        &["user", "list"],
    ] {
        let said = world.here(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        page.extend(["$ fonoteca ", &args.join(" "), "\n", &said.out, &said.err, "\n"]);
    }
    insta::assert_snapshot!(page);
}
