//! The login form and its cookie.

use crate::world::{PASSWORD, World};

async fn post(world: &World, path: &str, body: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = world.client.post(world.url(path)).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned()).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn in_and_out() {
    let world = World::empty().await;
    let home = world.get("/").await;
    assert_eq!((home.status().as_u16(), home.headers()["location"].to_str().expect("text")), (303, "/login"));
    let form = format!("name=ana&password={}", PASSWORD.replace(' ', "+"));
    let entered = post(&world, "/login", &form, &[]).await;
    assert_eq!(entered.status(), 303);
    let set = entered.headers()["set-cookie"].to_str().expect("text").to_owned();
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=2592000"] {
        assert!(set.contains(part), "{part} in {set}");
    }
    let cookie = set.split(';').next().expect("a cookie");
    let home = world.get_with("/", &[("cookie", cookie)]).await;
    assert_eq!(home.status(), 200);
    let policy = home.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let left = post(&world, "/logout", "", &[("cookie", cookie)]).await;
    assert!(left.headers()["set-cookie"].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(world.get_with("/", &[("cookie", cookie)]).await.status(), 303, "the session itself has ended");
    assert_eq!(world.get_with("/", &[("cookie", cookie), ("x-fragment", "1")]).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_and_foreign_forms() {
    let world = World::empty().await;
    let wrong = post(&world, "/login", "name=%3Cb%3Eana&password=wrong", &[]).await;
    assert_eq!(wrong.status(), 401);
    assert!(!wrong.headers().contains_key("set-cookie"));
    let text = wrong.text().await.expect("text");
    assert!(text.contains("Wrong name or password.") && !text.contains("<b>ana"), "{text}");
    let form = format!("name=ana&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(post(&world, "/login", &form, &[("origin", "http://elsewhere.example")]).await.status(), 403);
    assert_eq!(post(&world, "/login", &form, &[("sec-fetch-site", "cross-site")]).await.status(), 403);
    for _ in 0..8 {
        post(&world, "/login", "name=ana&password=wrong", &[]).await;
    }
    let refused = post(&world, "/login", &form, &[]).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    world.wait(60);
    assert_eq!(post(&world, "/login", &form, &[]).await.status(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_itself() {
    let world = World::empty().await;
    let cookie = world.session(&world.ana).await;
    assert_eq!(world.get_with("/", &[("cookie", &cookie)]).await.status(), 200);
    world.wait(3_600);
    assert_eq!(world.get_with("/", &[("cookie", &cookie)]).await.status(), 303);
}
