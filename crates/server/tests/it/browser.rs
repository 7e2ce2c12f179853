//! The page in a real browser: Chromium, driven over WebDriver.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use thirtyfour::prelude::*;

use crate::world::{PASSWORD, World};

/// `chromedriver` on a port of its own choice.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("chromedriver, from Debian's package chromium-driver");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // What else it says must go somewhere, or it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{}", port.expect("chromedriver says its port")) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where pictures are left for people to look at.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).expect("made");
    folder
}

async fn open(driver: &Driver) -> WebDriver {
    let mut wanted = DesiredCapabilities::chrome();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        "--window-size=1280,860",
    ] {
        wanted.add_arg(argument).expect("an argument");
    }
    WebDriver::new(&driver.url, wanted).await.expect("Chromium starts")
}

/// Evaluates an expression in the page.
async fn value(page: &WebDriver, expression: &str) -> serde_json::Value {
    let answer = page.execute(format!("return {expression};"), Vec::new()).await.expect("evaluated");
    answer.json().clone()
}

/// Waits until an expression of the page is true.
async fn until(page: &WebDriver, expression: &str) {
    for _ in 0..150 {
        if value(page, expression).await == serde_json::Value::Bool(true) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never true: {expression}; the page is\n{}", page.source().await.unwrap_or_default());
}

async fn press(page: &WebDriver, keys: impl Into<TypingData>) {
    page.active_element().await.expect("something has the focus").send_keys(keys).await.expect("pressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_in_search_and_play_by_keyboard_alone() {
    let world = World::new().await;
    let driver = Driver::start();
    let page = open(&driver).await;

    page.goto(world.url("/")).await.expect("the page");
    until(&page, "location.pathname === '/login' && document.activeElement.id === 'name'").await;
    page.screenshot(&pictures().join("login.png")).await.expect("a picture");
    press(&page, "ana" + Key::Tab).await;
    press(&page, PASSWORD.to_owned() + Key::Enter).await;
    until(&page, "document.querySelectorAll('.albums li').length === 2").await;
    until(&page, "[...document.images].every((image) => image.complete && image.naturalWidth > 0)").await;
    page.screenshot(&pictures().join("home.png")).await.expect("a picture");

    page.find(By::Tag("body")).await.expect("a body").send_keys("/").await.expect("pressed");
    until(&page, "document.activeElement.id === 'q'").await;
    for letter in ["m", "i", "n", "u"] {
        press(&page, letter).await;
    }
    until(&page, "document.querySelector('.track')?.dataset.title === 'Minuet in G'").await;
    assert_eq!(value(&page, "location.search").await, "?q=minu");
    press(&page, "" + Key::Enter).await;
    until(&page, "document.getElementById('audio').currentTime > 0.5").await;
    assert_eq!(value(&page, "document.getElementById('now-title').textContent").await, "Minuet in G");
    assert_eq!(value(&page, "document.getElementById('toggle').getAttribute('aria-label')").await, "Pause");
    page.screenshot(&pictures().join("playing.png")).await.expect("a picture");

    press(&page, " ").await;
    until(&page, "document.getElementById('audio').paused").await;
    press(&page, "" + Key::Right).await;
    until(&page, "document.getElementById('audio').currentTime > 5").await;
    press(&page, " ").await;
    until(&page, "!document.getElementById('audio').paused").await;

    // The music goes on while another page is looked at.
    page.find(By::Css("a.brand")).await.expect("a link").click().await.expect("clicked");
    until(&page, "document.querySelectorAll('.albums li').length === 2").await;
    assert_eq!(value(&page, "document.getElementById('audio').paused").await, false);
    page.find(By::XPath("//a[strong='Teclas Antiguas']")).await.expect("an album").click().await.expect("clicked");
    until(&page, "document.getElementById('play-all') !== null").await;
    page.find(By::Id("play-all")).await.expect("a button").click().await.expect("clicked");
    until(&page, "document.querySelector('.track').getAttribute('aria-current') === 'true'").await;
    let first = value(&page, "document.getElementById('now-title').textContent").await;
    page.screenshot(&pictures().join("album.png")).await.expect("a picture");
    press(&page, "n").await;
    until(&page, &format!("document.getElementById('now-title').textContent !== {first}")).await;
    press(&page, "p").await;
    until(&page, &format!("document.getElementById('now-title').textContent === {first}")).await;
    press(&page, "" + Key::Down).await;
    until(&page, "document.activeElement.matches('.track, a[data-nav]')").await;

    let log = value(&page, "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).host)").await;
    let hosts = log.as_array().expect("hosts");
    assert!(hosts.iter().all(|host| *host == world.bound.http.to_string()), "everything comes from here: {hosts:?}");
    page.quit().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_in_the_dark() {
    let world = World::new().await;
    let driver = Driver::start();
    let page = open(&driver).await;
    page.goto(world.url("/login")).await.expect("the page");
    let secret = world.session(&world.ana).await;
    let (name, text) = secret.split_once('=').expect("a cookie");
    page.add_cookie(Cookie::new(name, text)).await.expect("added");
    page.set_window_rect(0, 0, 500, 860).await.expect("narrow");
    let features = [serde_json::json!({ "name": "prefers-color-scheme", "value": "dark" })];
    let dark = serde_json::json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
    let tools = format!("{}/session/{}/goog/cdp/execute", driver.url, page.session_id());
    let answer = world.client.post(tools).body(dark.to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    page.goto(world.url("/search?q=minuet")).await.expect("the page");
    page.find(By::Css(".track")).await.expect("a track").click().await.expect("clicked");
    until(&page, "document.getElementById('audio').currentTime > 0.2").await;
    assert_eq!(value(&page, "document.documentElement.scrollWidth <= innerWidth").await, true, "nothing sticks out");
    assert_eq!(value(&page, "getComputedStyle(document.body).backgroundColor").await, "rgb(18, 23, 22)");
    page.screenshot(&pictures().join("phone.png")).await.expect("a picture");
    page.quit().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn torrents_for_everybody() {
    let world = World::new().await;
    crate::feed::publish(&world).await;
    let driver = Driver::start();
    let page = open(&driver).await;
    page.goto(world.url("/torrents")).await.expect("the page");
    until(&page, "document.querySelectorAll('.torrents tbody tr').length === 3").await;
    assert_eq!(value(&page, "document.documentElement.scrollWidth <= innerWidth").await, true, "nothing sticks out");
    page.screenshot(&pictures().join("torrents.png")).await.expect("a picture");
    page.find(By::Css("input[name=risk]")).await.expect("a box").click().await.expect("clicked");
    page.find(By::Css(".narrow button")).await.expect("a button").click().await.expect("clicked");
    until(&page, "location.search.includes('risk=yes') && document.querySelector('.torrents tbody tr') === null").await;
    page.set_window_rect(0, 0, 500, 860).await.expect("narrow");
    page.goto(world.url("/torrents")).await.expect("the page");
    assert_eq!(value(&page, "document.documentElement.scrollWidth <= innerWidth").await, true, "nothing sticks out");
    page.screenshot(&pictures().join("torrents-phone.png")).await.expect("a picture");
    page.quit().await.expect("closed");
}
